// Several processes, some of which are killed or stopped: what each of them saw is recorded, and checked afterwards.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { EtcdSemaphore } from "snowshed/etcd";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../support/etcd.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd();
const root = fileURLToPath(new URL("../../../../../", import.meta.url));

/** An ES module of its own process, which uses the built package. Times are those of the one monotonic clock of all. */
const program = `
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
const { endpoints, name, permits, mode, seed } = JSON.parse(process.argv[1]);
const client = new EtcdClient({ endpoints });
const semaphore = new EtcdSemaphore(client, name, { permits, lease: "2s", owner: mode + seed });
const say = (what, permit, more = {}) => {
  const slots = permit.fences.map(({ slot, token }) => [slot, String(token)]);
  process.stdout.write(JSON.stringify({ what, at: String(process.hrtime.bigint()), slots, ...more }) + "\\n");
};
if (mode === "hold") {
  const permit = await semaphore.permit();
  permit.context.onAbort(() => say("lost", permit, { code: permit.context.cause?.code }));
  say("granted", permit);
  // What code does that was about to go on when its process was stopped: it asks first.
  setInterval(() => say(permit.context.aborted ? "stands back" : "goes on", permit), 50);
} else {
  let state = seed;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (;;) {
    try {
      const permit = await semaphore.permit(random() < 0.2 ? 2 : 1);
      const from = String(process.hrtime.bigint());
      // Since when, it cannot tell: a process that gets no processor hears of it late.
      const stop = permit.context.onAbort(() => say("lost", permit, { at: from }));
      say("granted", permit, { at: from });
      await new Promise((resolve) => setTimeout(resolve, random() * 40));
      // Held for certain until then: who reads the context looks at the clock.
      const at = String(process.hrtime.bigint());
      if (!permit.context.aborted && stop()) say("ended", permit, { at });
      await permit.release().catch(() => {});
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
`;

interface Line {
  readonly what: "granted" | "ended" | "lost" | "goes on" | "stands back";
  readonly at: string;
  readonly slots: readonly (readonly [number, string])[];
  readonly code?: string;
}

interface Worker {
  readonly child: ChildProcess;
  readonly lines: Line[];
  said: string;
}

function start(name: string, permits: number, mode: "hold" | "work", seed: number): Worker {
  const options = JSON.stringify({ endpoints: etcd.cluster.endpoints, name, permits, mode, seed });
  const env = { ...process.env, NODE_OPTIONS: "" };
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program, options], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const worker: Worker = { child, lines: [], said: "" };
  createInterface(child.stdout).on("line", (line) => worker.lines.push(JSON.parse(line) as Line));
  child.stderr.on("data", (chunk: Buffer) => {
    worker.said += String(chunk);
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return worker;
}

const said = (worker: Worker, what: Line["what"]): Line | undefined => worker.lines.find((line) => line.what === what);
const now = (): bigint => process.hrtime.bigint();

test("a holder that is killed: its permit is free when its lease has ended, and no sooner", async () => {
  const name = newName();
  const holder = start(name, 1, "hold", 1);
  await until(() => said(holder, "granted") !== undefined, `it holds: ${holder.said}`);
  const semaphore = new EtcdSemaphore(etcd.connect(), name, { permits: 1 });
  const next = semaphore.permit();
  await until(async () => (await semaphore.inspect()).queued === 1, "the next one waits");
  holder.child.kill("SIGKILL");
  expect(await semaphore.tryPermit()).toBeUndefined();
  const { fence } = await next;
  const [slot, token] = said(holder, "granted")!.slots[0]!;
  expect([fence.slot, fence.token > BigInt(token)]).toEqual([slot, true]);
});

test("a holder that is stopped for longer than its lease: when it goes on it stands back at once", async () => {
  const name = newName();
  const holder = start(name, 1, "hold", 1);
  await until(() => said(holder, "goes on") !== undefined, `it holds: ${holder.said}`);
  const semaphore = new EtcdSemaphore(etcd.connect(), name, { permits: 1 });
  const next = semaphore.permit();
  await until(async () => (await semaphore.inspect()).queued === 1, "the next one waits");
  holder.child.kill("SIGSTOP");
  const { fence } = await next;
  // Two processes believe now that they hold it: one of them is stopped, and its token is too small.
  const before = holder.lines.length;
  holder.child.kill("SIGCONT");
  await until(() => said(holder, "lost") !== undefined, "it has heard of it");
  await until(() => said(holder, "stands back") !== undefined, "it stands back");
  const after = holder.lines.slice(before).map(({ what }) => what);
  // What it had written before it was stopped may come late, by a line at most.
  expect(after.slice(1)).not.toContain("goes on");
  expect(said(holder, "lost")!.code).toBe("SNOWSHED_LEASE_LOST");
  expect(fence.token).toBeGreaterThan(BigInt(said(holder, "granted")!.slots[0]![1]));
});

interface Hold {
  readonly slot: number;
  readonly token: bigint;
  readonly from: bigint;
  readonly to: bigint;
}

/** For how long each slot was held for certain: from the answer until it is given back, lost, or its process stopped. */
function holdsOf(worker: Worker, stoppedAt: bigint | undefined, end: bigint): Hold[] {
  const holds: Hold[] = [];
  const open = new Map<string, Line>();
  const close = (key: string, slots: Line["slots"], from: bigint, to: bigint): void => {
    open.delete(key);
    for (const [slot, token] of slots) holds.push({ slot, token: BigInt(token), from, to });
  };
  for (const line of worker.lines) {
    const key = JSON.stringify(line.slots);
    const granted = open.get(key);
    if (line.what === "granted") open.set(key, line);
    else if (granted !== undefined) {
      const from = BigInt(granted.at);
      const at = BigInt(line.at);
      // What a process held when it was stopped was held for certain until that only: when it goes on, a timer of its work
      // may come before the one that tells it what it has lost.
      const wasStopped = stoppedAt !== undefined && from < stoppedAt && stoppedAt < at;
      close(key, line.slots, from, wasStopped ? stoppedAt : at);
    }
  }
  for (const [key, { slots, at }] of open) close(key, slots, BigInt(at), stoppedAt ?? end);
  return holds;
}

/** The most that were held at any one moment, of all slots and of any one. */
function mostOf(holds: readonly Hold[]): number {
  const changes = holds.flatMap(({ from, to }): [bigint, number][] => [
    [from, 1],
    [to, -1],
  ]);
  changes.sort(([a, one], [b, other]) => Number(a - b) || one - other);
  let [held, most] = [0, 0];
  for (const [, change] of changes) most = Math.max(most, (held += change));
  return most;
}

test("of several processes, one killed and one stopped: at most so many live leases, and tokens that grow", async () => {
  const name = newName();
  const permits = 3;
  const workers = [1, 2, 3, 4].map((seed) => start(name, permits, "work", seed));
  const [killed, stopped] = workers as [Worker, Worker];
  const grants = (worker: Worker): number => worker.lines.filter(({ what }) => what === "granted").length;
  const all = (): number => workers.reduce((sum, worker) => sum + grants(worker), 0);
  await until(
    () => workers.every((worker) => grants(worker) > 5),
    `all work: ${workers.map((each) => each.said).join()}`,
  );
  stopped.child.kill("SIGSTOP");
  const stoppedAt = now();
  killed.child.kill("SIGKILL");
  const killedAt = now();
  const control = new EtcdSemaphore(etcd.connect(), name, { permits });
  // Until the leases of both have ended, and what they held is held by others.
  const before = all();
  const owners = async (): Promise<boolean> => {
    const { holders, waiters } = await control.inspect();
    return [...holders, ...waiters].every(({ owner }) => owner !== "work1" && owner !== "work2");
  };
  await until(owners, "their leases have ended");
  await until(() => all() > before + 20, "the others go on");
  const beforeCont = grants(stopped);
  stopped.child.kill("SIGCONT");
  await until(() => grants(stopped) > beforeCont + 5, "the one that was stopped works again");
  for (const { child } of workers) child.kill("SIGKILL");
  const end = now();

  const holds = [
    ...holdsOf(killed, killedAt, killedAt),
    ...holdsOf(stopped, stoppedAt, end),
    ...workers.slice(2).flatMap((worker) => holdsOf(worker, undefined, end)),
  ].filter(({ from, to }) => from < to);
  expect(holds.length).toBeGreaterThan(60);
  const most = mostOf(holds);
  expect([most <= permits, most > 1]).toEqual([true, true]);
  for (let slot = 0; slot < permits; slot++) {
    const ofSlot = holds.filter((hold) => hold.slot === slot).toSorted((a, b) => Number(a.token - b.token));
    expect(ofSlot.length).toBeGreaterThan(5);
    expect(mostOf(ofSlot)).toBe(1);
    for (const [index, hold] of ofSlot.entries()) {
      const next = ofSlot[index + 1];
      // In the order of the tokens, which no two have, one begins when the one before it has ended.
      if (next !== undefined) expect([hold.token < next.token, hold.to <= next.from]).toEqual([true, true]);
    }
  }
});

test("what checks the records notices one hold too many", () => {
  const hold = { slot: 0, token: 1n, from: 0n, to: 10n };
  expect(mostOf([hold, { ...hold, from: 10n, to: 20n }])).toBe(1);
  expect(mostOf([hold, { ...hold, slot: 1, from: 9n, to: 20n }])).toBe(2);
});
