// Nothing polls, and no message has to arrive.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LeasePermit, RedisSemaphore } from "snowshed/redis";
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

const queued = (semaphore: RedisSemaphore, count: number): Promise<void> =>
  until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);

/** Of the process of who waits at that place. */
const channelOf = async (place: number): Promise<string> => {
  const line = await server.cli("zrange", `${processes.key}:q`, String(place), String(place));
  return `${processes.key}:n:${line.slice(0, 12)}`;
};

/** Resolves when the process of who waits at that place hears its messages. */
const listens = async (place: number): Promise<void> => {
  const channel = await channelOf(place);
  await until(async () => (await server.cli("pubsub", "channels", channel)) !== "", "it listens");
};

const scripts = async (): Promise<number> => {
  const stats = await server.cli("info", "commandstats");
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test("a hundred who wait cost one command in a third of a lease, and so does who holds", async () => {
  const [a, b] = [processes.semaphore({ permits: 1, lease: "6s" }), processes.semaphore({ permits: 1, lease: "6s" })];
  const held = await a.permit();
  const waiting = Array.from({ length: 100 }, () => b.permit());
  waiting.forEach(observe);
  await queued(b, 100);
  // What the subscription causes.
  await listens(0);
  await pause(300);
  const began = performance.now();
  const before = await scripts();
  let count = 0;
  await until(async () => (count = (await scripts()) - before) >= 4, "four commands");
  // Two processes, a beat of each in two seconds: in less than six, three of each at most.
  expect(count).toBeLessThanOrEqual(2 * Math.ceil((performance.now() - began) / 2000));
  await held.release();
  expect((await waiting[0])?.context.aborted).toBe(false);
});

test("a permit that is handed over by a message is claimed with one command, for all of a tick", async () => {
  const [a, b] = [processes.semaphore({ permits: 5 }), processes.semaphore({ permits: 5 })];
  const held = await a.permit(5);
  const waiting = Array.from({ length: 5 }, () => b.permit());
  await queued(b, 5);
  await listens(0);
  await pause(200);
  const before = await scripts();
  await held.release();
  await Promise.all(waiting);
  let asked = 0;
  const leases = async (): Promise<number[]> => {
    asked++;
    return (await b.inspect()).holders.map(({ expiresIn }) => expiresIn);
  };
  // The short lease that it is handed over with has become a whole one.
  await until(async () => (await leases()).every((left) => left > 20_000), "it is claimed");
  const stats = await scripts();
  // The release, the claim; the rest is what this test asks.
  expect(stats - before - asked).toBeLessThanOrEqual(2);
});

test("who was granted by a message and died frees the permit after a short lease, not a whole one", async () => {
  const proxy = await startProxy(server.port);
  const [a, c] = [processes.semaphore({ permits: 1 }), processes.semaphore({ permits: 1 })];
  const b = processes.semaphore({ permits: 1 }, processes.client({ port: proxy.port }));
  const held = await a.permit();
  observe(b.permit());
  await queued(a, 1);
  const last = c.permit();
  await queued(a, 2);
  proxy.cut();
  await held.release();
  const seen = await a.inspect();
  expect([seen.held, seen.queued]).toEqual([1, 1]);
  expect(seen.holders[0]!.expiresIn).toBeLessThanOrEqual(2000);
  // It is not for the messages that a lease of 30 s has its end here, and nobody beats for ten more seconds.
  await pause(2100);
  await a.tryPermit();
  await (await last).release();
  await proxy.stop();
});

test("messages that are lost are made good by the next beat", async () => {
  const [a, b] = [processes.semaphore({ permits: 1, lease: 900 }), processes.semaphore({ permits: 1, lease: 900 })];
  for (let round = 0; round < 3; round++) {
    const held = await a.permit();
    const waiting = b.permit();
    await queued(a, 1);
    await server.cli("client", "kill", "type", "pubsub");
    await held.release();
    // Far from the end of the short lease it was handed over with, or else it would be lost.
    await (await waiting).release();
  }
});

test("messages that are lost with their connection are made good when it is there again, far from any beat", async () => {
  const options = { permits: 1, lease: "10m" } as const;
  const [a, b] = [processes.semaphore(options), processes.semaphore(options)];
  const held = await a.permit();
  // A beat is more than three minutes away.
  const waiting = b.permit(1, { timeout: "50s" });
  await queued(a, 1);
  await listens(0);
  await server.cli("client", "kill", "type", "pubsub");
  await held.release();
  await (await waiting).release();
});

test("messages that never arrive: all are served, in order, by the beats", async () => {
  const proxy = await startProxy(server.port);
  // The subscriber's connection takes nothing from the server.
  const subscriber = processes.client({ port: proxy.port, lazyConnect: true });
  const [a, b] = [
    processes.semaphore({ permits: 1, lease: 600 }),
    processes.semaphore({ permits: 1, lease: 600, subscriber }),
  ];
  const held = await a.permit();
  const waiting = Array.from({ length: 3 }, () => b.permit());
  waiting.forEach(observe);
  await queued(a, 3);
  await pause(100);
  proxy.drop("down");
  await held.release();
  const tokens: bigint[] = [];
  for (const each of waiting) {
    const permit: LeasePermit = await each;
    tokens.push(permit.fence.token);
    await permit.release();
  }
  expect(tokens).toEqual(tokens.toSorted((x, y) => Number(x - y)));
  await proxy.stop();
});

test("scripts that are flushed in the middle of everything are loaded again", async () => {
  const all = [0, 1, 2].map(() => processes.semaphore({ permits: 2, lease: "9s" }));
  let inside = 0;
  let most = 0;
  const work = Array.from({ length: 60 }, (_, each) =>
    all[each % 3]!.run(async () => {
      inside++;
      most = Math.max(most, inside);
      if (each % 10 === 0) await server.cli("script", "flush");
      inside--;
    }),
  );
  await Promise.all(work);
  expect(most).toBeLessThanOrEqual(2);
  expect(await all[0]!.inspect()).toMatchObject({ held: 0, queued: 0 });
});

test("waiters of a process that has died are passed over when its time is up", async () => {
  const proxy = await startProxy(server.port);
  const [a, c] = [processes.semaphore({ permits: 1 }), processes.semaphore({ permits: 1 })];
  const dead = processes.semaphore({ permits: 1, lease: 900 }, processes.client({ port: proxy.port }));
  const held = await a.permit();
  observe(dead.permit());
  await queued(a, 1);
  proxy.cut();
  const waiting = c.permit();
  await queued(a, 2);
  await pause(1000);
  await held.release();
  // At once: the dead one was not given a lease that had to end first.
  expect(await a.inspect()).toMatchObject({ held: 1, queued: 0, holders: [{ weight: 1 }] });
  const permit = await waiting;
  expect((await a.inspect()).holders[0]!.fence).toEqual(permit.fence);
  await permit.release();
  await proxy.stop();
});

test("what crashed holders leave is taken when their leases end, and not when the waiters' next beat comes", async () => {
  const waiter = processes.semaphore({ permits: 2, lease: "10m" });
  for (const lease of [600, 1200]) {
    const client = processes.client();
    await processes.semaphore({ permits: 2, lease }, client).permit();
    client.disconnect();
  }
  // The beat of the waiters is minutes away; the second one becomes the first only when the first one has gone.
  const waiting = [waiter.permit(1, { timeout: "50s" }), waiter.permit(1, { timeout: "50s" })];
  const [first, second] = await Promise.all(waiting);
  expect([first!.context.aborted, second!.context.aborted]).toEqual([false, false]);
  await first!.release();
  const client = processes.client();
  await processes.semaphore({ permits: 2, lease: 600 }, client).permit();
  client.disconnect();
  // Also one that is the first from the beginning.
  await (await waiter.permit(1, { timeout: "50s" })).release();
});

test("a holder that waits for nothing is told at once that somebody took its permit", async () => {
  // The beats are a minute apart.
  const [a, b] = [processes.semaphore({ permits: 1, lease: "3m" }), processes.semaphore({ permits: 1 })];
  const held = await a.permit();
  const channels = (): Promise<string> => server.cli("pubsub", "channels", `${processes.key}:n:*`);
  await until(async () => (await channels()) !== "", "it listens");
  const { holders } = await b.inspect();
  expect(await b.releaseHolder(holders[0]!.id)).toBe(true);
  await until(() => held.context.aborted, "it is told");
  expect(held.context.cause).toMatchObject({ code: "SNOWSHED_LEASE_LOST" });
});

test("who was granted by a message and gives back soon does not claim it", async () => {
  const [a, b] = [processes.semaphore({ permits: 1 }), processes.semaphore({ permits: 1 })];
  const held = await a.permit();
  const waiting = b.permit();
  await queued(a, 1);
  await listens(0);
  await pause(200);
  const before = await scripts();
  await held.release();
  await (await waiting).release();
  await pause(400);
  // Two that give back: the first notes that, hears that somebody waits, and asks the script.
  expect((await scripts()) - before).toBe(2);
});

test("who takes and gives back at once sends two commands for that, and listens to nothing", async () => {
  const semaphore = processes.semaphore({ permits: 1 });
  const pair = async (): Promise<void> => (await semaphore.permit()).release();
  await pair();
  await server.cli("config", "resetstat");
  for (let count = 0; count < 50; count++) await pair();
  const stats = await server.cli("info", "commandstats");
  const called = [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, calls]): [string, number] => [
    name!,
    Number(calls),
  ]);
  const own = called.filter(([name]) => ["evalsha", "eval", "append", "subscribe"].includes(name));
  expect(Object.fromEntries(own)).toEqual({ evalsha: 50, append: 50 });
});
