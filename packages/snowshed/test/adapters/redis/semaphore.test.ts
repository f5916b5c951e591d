import { Context } from "snowshed";
import type { LeasePermit, RedisSemaphore } from "snowshed/redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { drained, observe, outcome } from "../../support/promises.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import { Processes } from "./semaphore-fixture.ts";

let server: RedisServer;
const processes = new Processes(() => server.port);
beforeAll(async () => {
  server = await startRedis();
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => processes.begin());
afterEach(() => processes.end());

const queued = (semaphore: RedisSemaphore, count: number): Promise<void> =>
  until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);

test("at most `permits` units are held, by all processes together, and a free one costs one round trip", async () => {
  const [a, b] = [processes.semaphore({ permits: 3 }), processes.semaphore({ permits: 3 })];
  const first = await a.permit();
  const second = await b.permit(2);
  expect([first.weight, second.weight, a.held, b.held]).toEqual([1, 2, 1, 2]);
  expect([first.fences, second.fences].flat().map(({ slot }) => slot)).toEqual([0, 1, 2]);
  expect(await a.tryPermit()).toBeUndefined();
  await second.release();
  const third = await a.tryPermit(2);
  expect(third?.fences.map(({ slot }) => slot)).toEqual([1, 2]);
  await Promise.all([first.release(), third?.release()]);
  expect(await b.inspect()).toMatchObject({ permits: 3, held: 0, queued: 0, holders: [], waiters: [] });
  await processes.client().config("RESETSTAT");
  await (await a.permit()).release();
  const stats = await server.cli("info", "commandstats");
  const calls = [...stats.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]);
  // And what gives back is no script.
  const scripts = { evalsha: 1, get: 1, set: 1, time: 1, append: 1 };
  expect(Object.fromEntries(calls.filter(([name]) => String(name) in scripts))).toEqual(scripts);
});

test("who waits is served strictly in order, whatever it weighs and whose process it is in", async () => {
  const all = [0, 1, 2].map(() => processes.semaphore({ permits: 4 }));
  const held = await Promise.all([all[0]!.permit(2), all[1]!.permit(2)]);
  const waiting: Promise<LeasePermit>[] = [];
  for (let each = 0; each < 9; each++) {
    waiting.push(all[each % 3]!.permit((each % 4) + 1));
    await queued(all[0]!, each + 1);
  }
  expect(await all[2]!.tryPermit()).toBeUndefined();
  await held[0].release();
  await held[1].release();
  // The server gives a larger token to who is served later.
  let last = 0n;
  for (const permit of waiting) {
    const granted = await permit;
    expect(granted.fence.token > last).toBe(true);
    last = granted.fence.token;
    await granted.release();
  }
  expect((await all[0]!.inspect()).queued).toBe(0);
});

test("a heavy waiter is not overtaken by light ones", async () => {
  const a = processes.semaphore({ permits: 2 });
  const held = await a.permit();
  const heavy = observe(a.permit(2));
  await queued(a, 1);
  const light = observe(processes.semaphore({ permits: 2 }).permit());
  await queued(a, 2);
  expect([heavy.outcome.status, light.outcome.status]).toEqual(["pending", "pending"]);
  await held.release();
  await until(() => heavy.outcome.status === "fulfilled", "the heavy one");
  expect(light.outcome.status).toBe("pending");
});

test("the token of a slot grows with each grant: also after expiry, and after everything was lost", async () => {
  const a = processes.semaphore({ permits: 1 });
  const tokens: bigint[] = [];
  const take = async (): Promise<void> => {
    const permit = await a.permit();
    expect(permit.fence.slot).toBe(0);
    tokens.push(permit.fence.token);
    await permit.release();
  };
  for (let each = 0; each < 5; each++) await take();
  await server.cli("pexpire", processes.key, "1");
  await until(async () => (await server.cli("exists", processes.key)).endsWith("0"), "the key expires");
  await take();
  await server.cli("flushall");
  await take();
  expect(tokens).toEqual(tokens.toSorted((x, y) => Number(x - y)));
  expect(new Set(tokens).size).toBe(tokens.length);
});

test("nothing that is left in Redis lasts for ever", async () => {
  const a = processes.semaphore({ permits: 1 });
  await a.permit();
  observe(a.permit());
  await queued(a, 1);
  const client = processes.client();
  const keys = await client.keys(`${processes.key}*`);
  expect(keys.toSorted()).toEqual([processes.key, `${processes.key}:p`, `${processes.key}:q`]);
  for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(40_000_000);
});

test("a canceled waiter leaves the queue, also in the tick of its turn", async () => {
  const a = processes.semaphore({ permits: 1 });
  const held = await a.permit();
  using context = Context.background.withCancel();
  const canceled = observe(a.permit(1, { signal: context }));
  const next = observe(a.permit());
  await queued(a, 2);
  context.cancel("changed my mind");
  await until(() => canceled.outcome.status === "rejected", "it is told");
  expect(canceled.outcome).toMatchObject({ reason: { code: "SNOWSHED_CANCELED", cause: "changed my mind" } });
  await queued(a, 1);
  await held.release();
  await until(() => next.outcome.status === "fulfilled", "the next one");
  expect((await a.inspect()).held).toBe(1);

  using late = Context.background.withCancel();
  const raced = a.permit(1, { signal: late });
  await queued(a, 1);
  const status = observe(raced);
  const release = (next.outcome as { value: LeasePermit }).value.release();
  late.cancel();
  await release;
  expect(await outcome(raced)).toMatchObject({ status: "rejected" });
  expect(status.outcome.status).toBe("rejected");
  await until(async () => (await a.inspect()).held === 0, "it was given back");
  const aborted = a.permit(1, { signal: AbortSignal.abort() });
  await expect(aborted).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
});

test("a wait ends with its timeout, and a timeout of 0 does not wait", async () => {
  const a = processes.semaphore({ permits: 1 });
  const held = await a.permit();
  await expect(a.permit(1, { timeout: 0 })).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  await expect(a.permit(1, { timeout: "80ms" })).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  await queued(a, 0);
  await held.release();
  await (await a.permit(1, { timeout: 0 })).release();
});

test("release() counts once, and disposal is release()", async () => {
  const a = processes.semaphore({ permits: 1 });
  {
    await using permit = await a.permit();
    expect(permit.context.aborted).toBe(false);
  }
  const permit = await a.permit();
  const { context } = permit;
  await Promise.all([permit.release(), permit.release(), permit[Symbol.asyncDispose]()]);
  expect(context.aborted).toBe(true);
  const other = await a.permit();
  await permit.release();
  expect([a.held, (await a.inspect()).held]).toEqual([1, 1]);
  await other.release();
});

test("run() gives the permit back when the task has ended, either way", async () => {
  const a = processes.semaphore({ permits: 1 });
  using scope = Context.background.withCancel();
  const value = await a.run(async (context, permit) => [context.aborted, permit.fence.slot, a.held], { signal: scope });
  expect(value).toEqual([false, 0, 1]);
  await expect(a.run(() => Promise.reject(new Error("task")))).rejects.toThrow("task");
  const seen: unknown[] = [];
  const running = a.run(
    async (context) => {
      context.onAbort(() => seen.push("aborted"));
      await context.sleep("1m");
    },
    { signal: scope },
  );
  await until(() => a.held === 1, "it runs");
  scope.cancel();
  await expect(running).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
  expect([seen, a.held, (await a.inspect()).held]).toEqual([["aborted"], 0, 0]);
});

test("a weight that exceeds the permits is refused", async () => {
  const a = processes.semaphore({ permits: 2 });
  await expect(a.permit(3)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
  await expect(a.tryPermit(3)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
  const none = processes.semaphore({ permits: 2 });
  await none.resize(0);
  await expect(none.permit()).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
});

test("resize() holds for all: growing serves who waits, shrinking drains", async () => {
  const [a, b] = [processes.semaphore({ permits: 1 }), processes.semaphore({ permits: 1 })];
  const held = [await a.permit()];
  const waiting = b.permit(2).catch((error: unknown) => error);
  const second = observe(b.permit());
  // The server refused the heavy one; the light one waits.
  expect(await waiting).toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
  await queued(a, 1);
  await a.resize(3);
  await until(() => second.outcome.status === "fulfilled", "there is room");
  expect(await a.inspect()).toMatchObject({ permits: 3, version: 1, held: 2 });
  held.push(await b.permit());
  expect([a.permits, b.permits]).toEqual([3, 3]);
  const heavy = observe(b.permit(3));
  await queued(a, 1);
  await b.resize(2);
  await until(() => heavy.outcome.status === "rejected", "it no longer fits");
  expect(heavy.outcome).toMatchObject({ reason: { code: "SNOWSHED_NEVER_FITS" } });
  expect(await b.tryPermit()).toBeUndefined();
  expect((await a.inspect()).held).toBe(3);
  await held[0]!.release();
  expect(await a.tryPermit()).toBeUndefined();
  await held[1]!.release();
  const last = await a.tryPermit();
  expect(last?.fence.slot).toBeLessThan(2);
});

test("the larger version decides how many permits there are, whoever comes later", async () => {
  const old = processes.semaphore({ permits: 2, version: 1 });
  await (await old.permit()).release();
  const newer = processes.semaphore({ permits: 5, version: 2 });
  await (await newer.permit(5)).release();
  const again = processes.semaphore({ permits: 2, version: 1 });
  await (await again.permit(5)).release();
  expect([again.permits, (await old.inspect()).permits]).toEqual([5, 5]);
  const same = processes.semaphore({ permits: 9, version: 2 });
  await (await same.permit()).release();
  expect(same.permits).toBe(5);
});

test("objects of one client share connections, beat and count; close() is of one object", async () => {
  const client = processes.client();
  const [a, b] = [processes.semaphore({ permits: 1 }, client), processes.semaphore({ permits: 1 }, client)];
  const held = await a.permit();
  const waiting = observe(b.permit());
  await queued(a, 1);
  const subscribed = async (): Promise<string[]> => (await client.pubsub("CHANNELS", `${processes.key}*`)) as string[];
  await until(async () => (await subscribed()).length === 1, "one subscription");
  const refused = observe(a.permit());
  await queued(a, 2);
  const closing = observe(a.close());
  await until(() => refused.outcome.status === "rejected", "it is told");
  expect(refused.outcome).toMatchObject({ reason: { code: "SNOWSHED_CANCELED" } });
  await expect(a.permit()).rejects.toThrow("is closed");
  expect([closing.outcome.status, waiting.outcome.status]).toEqual(["pending", "pending"]);
  await held.release();
  await until(() => waiting.outcome.status === "fulfilled", "the other object is served");
  await until(() => closing.outcome.status === "fulfilled", "nothing of this object is held");
  await expect(b.close({ timeout: "20ms" })).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  expect((waiting.outcome as { value: LeasePermit }).value.context.aborted).toBe(true);
  await until(async () => (await subscribed()).length === 0, "nothing is left");
});

test("an operator sees who holds and waits, and takes a permit away", async () => {
  const a = processes.semaphore({ permits: 2, owner: "worker 7 \u{1f600}" });
  const b = processes.semaphore({ permits: 2 });
  const held = await a.permit(2);
  observe(b.permit());
  await queued(a, 1);
  const seen = await b.inspect();
  expect(seen).toMatchObject({
    permits: 2,
    held: 2,
    queued: 1,
    holders: [{ owner: "worker 7 \u{1f600}", weight: 2, fence: held.fence, fences: held.fences }],
    waiters: [{ owner: expect.stringContaining(`:${process.pid}`) as unknown, weight: 1 }],
  });
  const [holder] = seen.holders;
  expect(holder!.expiresIn).toBeGreaterThan(0);
  expect(holder!.expiresIn).toBeLessThanOrEqual(30_000);
  expect(Math.abs(holder!.since - Date.now())).toBeLessThan(60_000);
  expect(await b.releaseHolder("nobody")).toBe(false);
  expect(await b.releaseHolder(holder!.id)).toBe(true);
  expect(await b.releaseHolder(holder!.id)).toBe(false);
  await until(async () => (await b.inspect()).queued === 0, "the next one");
  await drained();
});
