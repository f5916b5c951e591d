// Hand-over inside a process: many permits for one command, bounded, and never past somebody else.
import type { LeasePermit, RedisSemaphore } from "snowshed/redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { observe } from "../../support/promises.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { Processes } from "./semaphore-fixture.ts";

let server: RedisServer;
const processes = new Processes(() => server.port);
beforeAll(async () => {
  server = await startRedis();
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => processes.begin());
afterEach(() => processes.end());

/** As long as it may be with a lease of half a minute: no test here is about its end. */
const localHandover = { times: 100, ms: 10_000 };
const queued = (semaphore: RedisSemaphore, count: number): Promise<void> =>
  until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How many scripts ran; `INFO` itself is none. */
async function scripts(): Promise<number> {
  const stats = await server.cli("info", "commandstats");
  const calls = stats.matchAll(/cmdstat_(?:evalsha|append):calls=(\d+)/g);
  return [...calls].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** One that hears its messages: before that, nothing is handed over. */
async function listening(options: object): Promise<RedisSemaphore> {
  const semaphore = processes.semaphore({ permits: 1, localHandover, ...options });
  const costsNothing = async (): Promise<boolean> => {
    await (await semaphore.permit()).release();
    const before = await scripts();
    await (await semaphore.permit()).release();
    return (await scripts()) === before;
  };
  await until(costsNothing, "it hands over");
  return semaphore;
}

test("pairs cost no command, and each has a larger token of the slot", async () => {
  const semaphore = await listening({});
  const plain = processes.semaphore({ permits: 1 }, processes.client());
  const before = await scripts();
  let last = 0n;
  for (let each = 0; each < 90; each++) {
    const permit = await semaphore.permit();
    expect(permit.fence.slot).toBe(0);
    expect(permit.fence.token > last).toBe(true);
    last = permit.fence.token;
    expect(permit.context.aborted).toBe(false);
    await permit.release();
    expect(permit.context.aborted).toBe(true);
  }
  expect((await scripts()) - before).toBeLessThanOrEqual(4);
  expect(semaphore.held).toBe(0);
  const other = await plain.permit();
  expect(other.fence.token > last).toBe(true);
  await other.release();
});

test("without it each pair costs two", async () => {
  const semaphore = processes.semaphore({ permits: 1 });
  await (await semaphore.permit()).release();
  const before = await scripts();
  for (let each = 0; each < 30; each++) await (await semaphore.permit()).release();
  expect((await scripts()) - before).toBe(60);
});

test("after `times`, and after `ms`, it goes back to the server", async () => {
  const semaphore = await listening({ localHandover: { times: 4, ms: 5000 } });
  const before = await scripts();
  for (let each = 0; each < 50; each++) await (await semaphore.permit()).release();
  // One in five asks for it, and gives it back.
  expect((await scripts()) - before).toBeGreaterThanOrEqual(18);
  expect((await scripts()) - before).toBeLessThanOrEqual(24);
  await semaphore.close();

  processes.begin();
  const brief = await listening({ localHandover: { times: 100, ms: 150 } });
  await (await brief.permit()).release();
  const other = processes.semaphore({ permits: 1 });
  expect((await other.inspect()).held).toBe(1);
  expect(await other.tryPermit()).toBeUndefined();
  await until(async () => (await other.inspect()).held === 0, "it is given back");
});

test("fifty callers in one process: never more than there are permits, in their order when none goes to the server", async () => {
  const semaphore = await listening({ permits: 4 });
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  for (let round = 0; round < 5; round++) {
    const all = Array.from({ length: 50 }, (_, each) =>
      semaphore.run(async () => {
        order.push(each);
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      }),
    );
    await Promise.all(all);
    // In the first round some ask the server, and others are served meanwhile.
    const served = order.splice(0);
    if (round > 0) expect(served).toEqual(Array.from({ length: 50 }, (_, each) => each));
  }
  expect([most, inside, semaphore.held]).toEqual([4, 0, 0]);
  await semaphore.close();
  const other = processes.semaphore({ permits: 4 });
  await (await other.permit(4, { timeout: "5s" })).release();
});

test.for([1, 2])("who waits in another process is not passed once that is known (process %i)", async (others) => {
  const semaphore = await listening({ permits: 1 });
  let isOver = false;
  let passed = 0;
  const granted: string[] = [];
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const permit = await semaphore.permit();
      passed++;
      await new Promise((resolve) => setImmediate(resolve));
      await permit.release();
    }
  };
  const workers = Promise.all([worker(), worker(), worker()]);
  for (let round = 0; round < 5; round++) {
    await until(() => passed > 100 * round, "it goes from hand to hand");
    const waiting = Array.from({ length: others }, async (_, each) => {
      const permit = await processes.semaphore({ permits: 1 }).permit(1, { timeout: "10s" });
      granted.push(`${round}:${each}`);
      await permit.release();
    });
    await Promise.all(waiting);
  }
  isOver = true;
  await workers;
  expect(granted).toHaveLength(5 * others);
});

test("from the moment it is told, the very next release is for the other process", async () => {
  const semaphore = await listening({ permits: 1 });
  const other = processes.semaphore({ permits: 1 });
  const held = await semaphore.permit();
  const mine = observe(semaphore.permit());
  await pause(50);
  // Nobody has told the server of the one who waits here.
  expect((await other.inspect()).queued).toBe(0);
  const theirs = observe(other.permit());
  // Told of the other one, this process asks the server for its own, too: behind it.
  await queued(other, 2);
  await held.release();
  await until(() => theirs.outcome.status === "fulfilled", "it is theirs");
  expect(mine.outcome.status).toBe("pending");
  await (theirs.outcome as { value: LeasePermit }).value.release();
  await until(() => mine.outcome.status === "fulfilled", "then it is mine");
  // What is kept is given back at once, too.
  await (mine.outcome as { value: LeasePermit }).value.release();
  await until(async () => (await other.inspect()).queued === 0, "all are served");
  await (await semaphore.permit()).release();
  // Long before it would be given back unasked.
  await (await other.permit(1, { timeout: "8s" })).release();
});

test("those who wait here are told when the server is lost, can be canceled, and time out", async () => {
  const proxy = await startProxy(server.port);
  const client = processes.client({ port: proxy.port });
  const options = { permits: 1, lease: "2s", commandTimeout: 1000, localHandover: { times: 100, ms: 300 } } as const;
  const semaphore = processes.semaphore(options, client);
  await until(() => semaphore.run(() => true), "it is connected");
  await pause(100);
  const held = await semaphore.permit();
  const abort = new AbortController();
  const waiting = [
    semaphore.permit(1, { signal: abort.signal }),
    semaphore.permit(1, { timeout: 60 }),
    semaphore.permit(),
  ];
  const [canceled, late, last] = waiting.map((each) => observe(each));
  abort.abort();
  expect(await waiting[0]!.catch((error: unknown) => error)).toMatchObject({ code: "SNOWSHED_CANCELED" });
  await until(() => late!.outcome.status === "rejected", "its time is over");
  expect([canceled, late].map((each) => each!.outcome)).toMatchObject([
    { reason: { code: "SNOWSHED_CANCELED" } },
    { reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } },
  ]);
  proxy.halfOpen();
  await until(() => held.context.aborted, "the holder is told");
  await until(() => last!.outcome.status === "rejected", "the waiter is told");
  expect(last!.outcome).toMatchObject({ reason: { code: "SNOWSHED_BACKEND_UNAVAILABLE" } });
  await proxy.stop();
});

test("processes with and without it, callers of all weights: never more than there are permits, and nobody is left", async () => {
  const all = [
    await listening({ permits: 5, localHandover: { times: 100, ms: 2000 } }),
    await listening({ permits: 5, localHandover: { times: 3, ms: 20 } }),
    processes.semaphore({ permits: 5 }),
    processes.semaphore({ permits: 5 }),
  ] as const;
  let inside = 0;
  let most = 0;
  let served = 0;
  const lastOf = new Map<number, bigint>();
  const caller = async (number: number): Promise<void> => {
    for (let each = 0; each < 20; each++) {
      const weight = ((number + each) % 3) + 1;
      const permit = await all[(number % 4) as 0 | 1 | 2 | 3].permit(weight, { timeout: "30s" });
      inside += weight;
      most = Math.max(most, inside);
      for (const { slot, token } of permit.fences) {
        expect(token > (lastOf.get(slot) ?? 0n)).toBe(true);
        lastOf.set(slot, token);
      }
      if ((number + each) % 4 === 0) await pause(1);
      inside -= weight;
      served++;
      await permit.release();
      if ((number + each) % 7 === 0) await pause(3);
    }
  };
  await Promise.all(Array.from({ length: 24 }, (_, number) => caller(number)));
  expect([served, inside]).toEqual([480, 0]);
  expect(most).toBeLessThanOrEqual(5);
  await until(async () => (await all[2].inspect()).held === 0, "all is given back");
  expect((await all[2].inspect()).queued).toBe(0);
}, 60_000);
