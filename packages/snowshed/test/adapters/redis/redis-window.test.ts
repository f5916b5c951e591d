// RedisWindow, and a breaker that uses it.
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { RedisWindowOptions } from "../../../src/adapters/redis/redis-window.ts";
import { RedisWindow } from "../../../src/adapters/redis/redis-window.ts";
import { CircuitBreaker } from "../../../src/overload/circuit-breaker.ts";
import { TransientError } from "../../../src/overload/classified-errors.ts";
import type { RedisServer } from "../../support/redis.ts";
import { clients, startRedis, until } from "../../support/redis.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
}, 60_000);
afterAll(() => server?.stop());
beforeEach(async () => {
  await server.cli("flushall");
});

const now = (): number => performance.now();
/** So that nothing is sent but by flush(). */
const byHand = { flushEvery: "1h", length: "60s" } as const;

async function windowAt(options: RedisWindowOptions = byHand, client: string = "ioredis 6", port = server.port) {
  const connected = await clients[client]!({ kind: "single", port });
  onTestFinished(() => connected.close());
  return new RedisWindow(connected.client, "payments", options);
}

const read = (window: RedisWindow): readonly [number, number] => [window.total(now()), window.failures(now())];

describe.each(Object.keys(clients))("%s", (name) => {
  test("counts what all have recorded, each outcome once", async () => {
    const [one, other] = [await windowAt(byHand, name), await windowAt(byHand, name)];
    for (const failed of [true, true, false]) one.record(failed, now());
    expect(read(one)).toEqual([3, 2]);
    expect(read(other)).toEqual([0, 0]);
    expect(await one.flush()).toBe(true);
    expect(await other.flush()).toBe(true);
    expect([read(one), read(other)]).toEqual([
      [3, 2],
      [3, 2],
    ]);
    other.record(true, now());
    const sending = other.flush();
    other.record(false, now());
    expect(read(other)).toEqual([5, 3]);
    await sending;
    expect(read(other)).toEqual([5, 3]);
    await other.close();
    await one.flush();
    expect(read(one)).toEqual([5, 3]);
  });
});

test("what was recorded is sent by itself, in one command for all of it", async () => {
  const [one, other] = [await windowAt({ ...byHand, flushEvery: 50 }), await windowAt()];
  await one.flush();
  const before = Number(/cmdstat_evalsha:calls=(\d+)/.exec(await server.cli("info", "commandstats"))?.[1]);
  for (let call = 0; call < 1000; call++) one.record(call % 2 === 0, now());
  await until(async () => (await other.flush()) && other.total(now()) === 1000, "all have come");
  expect(other.failures(now())).toBe(500);
  const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await server.cli("info", "commandstats"))?.[1];
  // One of its own, the others' are those of flush().
  expect(Number(calls) - before).toBeLessThan(100);
});

test("old slices are forgotten, here and in Redis", async () => {
  const [one, other] = [await windowAt({ length: "2s", slices: 4, flushEvery: "1h" }), await windowAt()];
  one.record(true, now());
  await one.flush();
  expect(read(one)).toEqual([1, 1]);
  // Without asking again.
  await until(() => one.total(now()) === 0, "the slice is over");
  one.record(false, now());
  await one.flush();
  expect(read(one)).toEqual([1, 0]);
  expect((await server.cli("hkeys", "{snowshed:payments}:window:500000")).split("\n")).toHaveLength(1);
  await until(async () => (await server.cli("keys", "*")) === "", "nothing is left");
  expect(await other.flush()).toBe(true);
});

test("a reset is of this process alone, and what it had not sent reaches the others", async () => {
  const [one, other] = [await windowAt(), await windowAt()];
  for (const failed of [true, false]) one.record(failed, now());
  await one.flush();
  one.record(true, now());
  one.reset();
  expect(read(one)).toEqual([0, 0]);
  one.record(false, now());
  expect(read(one)).toEqual([1, 0]);
  await one.flush();
  expect(read(one)).toEqual([1, 0]);
  await other.flush();
  expect(read(other)).toEqual([4, 2]);
  other.record(true, now());
  await other.flush();
  await one.flush();
  expect(read(one)).toEqual([2, 1]);
});

test("a reset while something is on its way", async () => {
  const [one, other] = [await windowAt(), await windowAt()];
  one.record(true, now());
  const sending = one.flush();
  one.reset();
  one.record(true, now());
  await sending;
  expect(read(one)).toEqual([1, 1]);
  await one.flush();
  expect(read(one)).toEqual([1, 1]);
  await other.flush();
  expect(read(other)).toEqual([2, 2]);
});

test("without Redis it counts what this process has, and says why; then all again", async () => {
  const own = await startRedis();
  onTestFinished(() => own.stop());
  const window = await windowAt({ ...byHand, commandTimeout: 1000 }, "ioredis 6", own.port);
  const other = await windowAt(byHand, "ioredis 6", own.port);
  for (let call = 0; call < 5; call++) other.record(false, now());
  await other.flush();
  await until(() => window.flush(), "it is connected");
  window.record(true, now());
  await window.flush();
  expect([read(window), window.failure]).toEqual([[6, 1], undefined]);
  await own.kill();
  window.record(true, now());
  expect(await window.flush()).toBe(false);
  expect(window.failure).toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  expect(read(window)).toEqual([2, 2]);
  await own.start();
  await until(() => window.flush(), "it answers again");
  expect(window.failure).toBeUndefined();
  window.record(false, now());
  // What was given up may have come after all: ioredis sends it when it is connected again.
  expect([1, 2]).toContain(window.total(now()));
});

test("windows with slices of another length do not mix", async () => {
  const [one, other] = [await windowAt(), await windowAt({ ...byHand, slices: 20 })];
  one.record(true, now());
  await one.flush();
  await other.flush();
  expect(read(other)).toEqual([0, 0]);
});

test("a key that holds something else is a failure, and no exception", async () => {
  await server.cli("set", "{snowshed:payments}:window:6000000", "x");
  const window = await windowAt();
  window.record(true, now());
  expect(await window.flush()).toBe(false);
  expect(window.failure).toMatchObject({ code: "SNOWSHED_FATAL" });
  expect(read(window)).toEqual([1, 1]);
});

test("a breaker opens for what happened elsewhere, at its own next failure", async () => {
  const [here, there] = [await windowAt(), await windowAt()];
  const breaker = new CircuitBreaker({ window: here, minimumCalls: 20, consecutiveFailures: Number.POSITIVE_INFINITY });
  const fail = () => Promise.reject(new TransientError("reset"));
  await breaker.run(fail).catch(() => {});
  expect(breaker.state).toBe("closed");
  for (let call = 0; call < 20; call++) there.record(call < 12, now());
  await there.flush();
  await here.flush();
  await breaker.run(() => "fine");
  expect(breaker.state).toBe("closed");
  await breaker.run(fail).catch(() => {});
  expect(breaker.state).toBe("open");
  // It closes, and begins anew, though the others' failures are still in the window.
  breaker.close();
  await here.flush();
  await breaker.run(fail).catch(() => {});
  expect(breaker.state).toBe("closed");
});

test.each([
  ["", {}],
  ["}", {}],
  ["w", { length: 999 }],
  ["w", { length: Number.POSITIVE_INFINITY }],
  ["w", { slices: 0 }],
  ["w", { slices: 101 }],
  ["w", { slices: 1.5 }],
  ["w", { flushEvery: 0 }],
  ["w", { prefix: "" }],
  ["w", { commandTimeout: Number.NaN }],
])("new RedisWindow(client, %j, %j) is refused", async (name, options) => {
  const { client, close } = await clients["ioredis 6"]!(server.topology);
  onTestFinished(() => close());
  expect(() => new RedisWindow(client, name, options)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});
