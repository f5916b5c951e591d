// A holder that is cut off or stopped knows that its lease is over before anybody else can get the permit.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { LeasePermit } from "snowshed/redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { Processes } from "./semaphore-fixture.ts";

let server: RedisServer;
let proxy: TcpProxy;
const processes = new Processes(() => server.port);
beforeAll(async () => {
  server = await startRedis();
}, 120_000);
afterAll(() => server.stop());
beforeEach(async () => {
  processes.begin();
  proxy = await startProxy(server.port);
});
afterEach(async () => {
  await processes.end();
  await proxy.stop();
});

const options = { permits: 1, lease: 600 };
/** Of who is to hear that no answer comes. */
const cutOff = { ...options, commandTimeout: 1500 };

/** What happened, in order, to a holder behind the proxy and to one who waits for its permit. */
async function histories(harm: () => void): Promise<{ events: string[]; held: LeasePermit; next: LeasePermit }> {
  const events: string[] = [];
  const held = await processes.semaphore(cutOff, processes.client({ port: proxy.port })).permit();
  held.context.onAbort(() => events.push("aborted"));
  const direct = processes.semaphore(options);
  const waiting = direct.permit().then((permit) => {
    events.push("granted");
    return permit;
  });
  // It has it already where this machine stood still for longer than the lease.
  await until(async () => events.includes("granted") || (await direct.inspect()).queued === 1, "one waits");
  harm();
  const next = await waiting;
  return { events, held, next };
}

describe("a holder that is cut off", () => {
  test.for<[string, () => void]>([
    ["by a connection that ends", () => proxy.cut()],
    ["by a cable that was pulled out", () => proxy.halfOpen()],
  ])("%s is told before the next one gets the permit", async ([, harm]) => {
    const { events, held, next } = await histories(harm);
    expect(events).toEqual(["aborted", "granted"]);
    expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
    expect(held.context.reason).toMatchObject({ code: "SNOWSHED_CANCELED" });
    // The resource has seen the larger token: it refuses the smaller one.
    expect([next.fence.slot, next.fence.token > held.fence.token]).toEqual([held.fence.slot, true]);
    await expect(held.release()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  });

  test("whose renewals arrive, but no answer, is told all the same", async () => {
    const held = await processes.semaphore(options, processes.client({ port: proxy.port })).permit();
    proxy.drop("down");
    await until(() => held.context.aborted, "it is told");
    expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
  });

  test("for less than a lease keeps its permit", async () => {
    const client = processes.client({ port: proxy.port, retryStrategy: () => 20 });
    const held = await processes.semaphore({ ...options, lease: 3000 }, client).permit();
    proxy.cut();
    proxy.restore();
    const direct = processes.semaphore(options);
    const end = async (): Promise<number> => Date.now() + (await direct.inspect()).holders[0]!.expiresIn;
    const before = await end();
    await until(async () => (await end()) > before + 500, "it is renewed");
    expect(held.context.aborted).toBe(false);
    await held.release();
  });

  test("run() rejects with what happened, when its task ended because of that", async () => {
    const semaphore = processes.semaphore(cutOff, processes.client({ port: proxy.port }));
    const running = semaphore.run(async (context) => {
      proxy.halfOpen();
      await context.sleep("1m");
    });
    await expect(running).rejects.toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
    const other = processes.semaphore(cutOff, processes.client({ port: proxy.port }));
    proxy.restore();
    const own = other.run(async (context) => {
      proxy.halfOpen();
      await context.sleep("1m").catch(() => {});
      throw new Error("its own");
    });
    await expect(own).rejects.toThrow("its own");
  });

  test("is told though its task computes, as soon as it asks", async () => {
    const held = await processes.semaphore(options).permit();
    const { context } = held;
    const until = performance.now() + options.lease;
    while (performance.now() < until) JSON.stringify(process.versions);
    // No timer could run.
    expect(context.aborted).toBe(true);
    expect(() => context.throwIfAborted()).toThrow(expect.objectContaining({ code: "SNOWSHED_CANCELED" }));
    await held.release();
  });
});

test("a machine that was suspended: the date has gone on, the monotonic clock has not", async () => {
  let asleep = 0;
  const clock = { ...systemClock, date: () => systemClock.date() + asleep };
  const held = await processes.semaphore({ ...options, lease: "20s", clock }).permit();
  asleep = 19_000;
  expect(held.context.aborted).toBe(false);
  asleep = 20_001;
  expect(held.context.aborted).toBe(true);
  expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
  await held.release();
});

describe("a holder that is stopped", () => {
  const program = `
    import { Redis } from "ioredis";
    import { RedisSemaphore } from "snowshed/redis";
    const [port, name, lease] = process.argv.slice(-3);
    const semaphore = new RedisSemaphore(new Redis(Number(port)), name, { permits: 1, lease: Number(lease) });
    const permit = await semaphore.permit();
    const { context } = permit;
    let last = 0;
    setInterval(() => {
      const now = performance.now();
      if (last === 0) {
        console.log("held " + permit.fence.token);
        last = now;
      }
      // The first thing it does when it goes on: nothing else has run that could have told it.
      if (now - last > 300) console.log("woke " + context.aborted + " " + (now - last));
      last = now;
    }, 5);
  `;
  const folder = fileURLToPath(new URL("../../../", import.meta.url));

  async function stopped(lease: number, wakes: (token: bigint) => Promise<void>): Promise<string> {
    const args = ["--input-type=module", "--eval", program, "--", String(server.port), processes.name, String(lease)];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const { value: held } = (await lines.next()) as { value: string };
      child.kill("SIGSTOP");
      const from = performance.now();
      await wakes(BigInt(held.split(" ")[1]!));
      const stoodStill = performance.now() - from;
      child.kill("SIGCONT");
      for (;;) {
        const [, aborted, gap] = ((await lines.next()) as { value: string }).value.split(" ");
        // On a busy machine it may have stood still for a shorter time before.
        if (Number(gap) >= stoodStill) return `woke ${aborted}`;
      }
    } finally {
      child.kill("SIGKILL");
    }
  }

  test("for longer than its lease knows it at its first look, and its token is refused", async () => {
    let next: LeasePermit | undefined;
    const woke = await stopped(600, async (token) => {
      next = await processes.semaphore({ ...options, lease: "30s" }).permit(1, { timeout: "50s" });
      expect(next.fence.token > token).toBe(true);
    });
    expect(woke).toBe("woke true");
    expect(next?.context.aborted).toBe(false);
    await next?.release();
  });

  test("for less than its lease goes on", async () => {
    const woke = await stopped(20_000, () => new Promise((resolve) => setTimeout(resolve, 500)));
    expect(woke).toBe("woke false");
  });

  test("for ever: its permit is free after what is left of its lease", async () => {
    const { name } = processes;
    const child = spawn(
      process.execPath,
      ["--input-type=module", "--eval", program, "--", String(server.port), name, "2000"],
      { cwd: folder, stdio: ["ignore", "pipe", "inherit"] },
    );
    await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const semaphore = processes.semaphore(options);
    expect(await semaphore.tryPermit()).toBeUndefined();
    const waiting = semaphore.permit(1, { timeout: "50s" });
    await until(async () => (await semaphore.inspect()).queued === 1, "one waits");
    child.kill("SIGKILL");
    await (await waiting).release();
  });
});
