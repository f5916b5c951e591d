// What comes twice counts once; and what the server's clock does.
import type { Redis } from "ioredis";
import type { LeasePermit, RedisSemaphore } from "snowshed/redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { observe } from "../../support/promises.ts";
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

/** A client that sends each script twice, as one does that lost its connection before the answer came. */
function stuttering(which: 0 | 1): Redis {
  const client = processes.client();
  const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
  client.evalsha = async (...args: unknown[]) => {
    const answers = await Promise.all([evalsha(...args), evalsha(...args)]);
    return answers[which];
  };
  const append = client.append.bind(client) as (...args: unknown[]) => Promise<number>;
  client.append = async (...args: unknown[]) => {
    const answers = await Promise.all([append(...args), append(...args)]);
    return answers[which];
  };
  return client;
}

test.for<0 | 1>([0, 1])(
  "each command that arrives twice counts once, and either answer will do (%i)",
  async (which) => {
    const a = processes.semaphore({ permits: 3, lease: "3s" }, stuttering(which));
    const b = processes.semaphore({ permits: 3, lease: "3s" });
    const first = await a.permit();
    expect((await b.inspect()).held).toBe(1);
    const second = await a.permit(2);
    expect(await b.inspect()).toMatchObject({ held: 3, queued: 0 });
    const waiting = [a.permit(), a.permit(2), b.permit()];
    await queued(b, 3);
    await first.release();
    const third = await waiting[0]!;
    expect(await b.inspect()).toMatchObject({ held: 3, queued: 2 });
    // Renewed by a third, sent twice.
    const end = async (): Promise<number> => Date.now() + (await b.inspect()).holders[0]!.expiresIn;
    const before = await end();
    await until(async () => (await end()) > before + 500, "it is renewed");
    expect([second, third].map(({ context }) => context.aborted)).toEqual([false, false]);
    const known = (await b.inspect()).holders.map(({ fence }) => fence);
    expect(known).toEqual([second.fence, third.fence]);
    await second.release();
    const fourth = await waiting[1]!;
    await third.release();
    const fifth = await waiting[2]!;
    await Promise.all([fourth, fifth].map((permit: LeasePermit) => permit.release()));
    expect(await b.inspect()).toMatchObject({ held: 0, queued: 0 });
  },
);

test("a waiter whose request arrives again later keeps its place", async () => {
  const client = processes.client();
  const evalsha = client.evalsha.bind(client) as (...args: unknown[]) => Promise<unknown>;
  const sent: unknown[][] = [];
  client.evalsha = (...args: unknown[]) => {
    sent.push(args);
    return evalsha(...args);
  };
  const [a, b] = [processes.semaphore({ permits: 1 }, client), processes.semaphore({ permits: 1 })];
  const held = await b.permit();
  const first = observe(a.permit());
  await queued(b, 1);
  const request = sent.find(([, , , , , operation]) => String(operation).startsWith("\n"))!;
  const second = observe(b.permit());
  await queued(b, 2);
  await evalsha(...request);
  expect((await b.inspect()).queued).toBe(2);
  await held.release();
  await until(() => first.outcome.status === "fulfilled", "the first one");
  expect(second.outcome.status).toBe("pending");
});

test("leases given back twice, in any order, among others: slots and what is held are right", async () => {
  const semaphore = processes.semaphore({ permits: 6 }, stuttering(1));
  let held: LeasePermit[] = await Promise.all([
    semaphore.permit(),
    semaphore.permit(2),
    semaphore.permit(),
    semaphore.permit(),
  ]);
  for (let round = 0; round < 40; round++) {
    const [given, kept] = [
      held.filter((_, at) => (at + round) % 3 === 0),
      held.filter((_, at) => (at + round) % 3 !== 0),
    ];
    await Promise.all(given.map((permit) => permit.release()));
    held = kept;
    const seen = async (): Promise<number> => (await semaphore.inspect()).held;
    if (round % 4 === 0) expect(await seen()).toBe(held.reduce((sum, { weight }) => sum + weight, 0));
    const next = [await semaphore.tryPermit(), await semaphore.tryPermit(1 + (round % 2))];
    held.push(...next.filter((permit) => permit !== undefined));
    const slots = held.flatMap(({ fences }) => fences.map(({ slot }) => slot));
    expect(new Set(slots).size).toBe(slots.length);
    expect(Math.max(...slots)).toBeLessThan(6);
    const known = (await semaphore.inspect()).holders.flatMap(({ fences }) => fences.map(({ slot }) => slot));
    expect(known.toSorted()).toEqual(slots.toSorted());
  }
  await Promise.all(held.map((permit) => permit.release()));
  expect(await semaphore.inspect()).toMatchObject({ held: 0, holders: [] });
});

test("a lease that has ended is not renewed, though nobody has taken it yet", async () => {
  const semaphore = processes.semaphore({ permits: 1, lease: "3s" });
  const held = await semaphore.permit();
  const ended = `
    local state = redis.call('GET', KEYS[1])
    redis.call('SET', KEYS[1], (string.gsub(state, '(\\n%S+ )%d+', '%10000000000001')), 'KEEPTTL')`;
  await processes.client().eval(ended, 1, processes.key);
  expect((await semaphore.inspect()).held).toBe(0);
  await until(() => held.context.aborted, "it is told");
  expect(held.context.cause).toMatchObject({ message: expect.stringContaining("taken back") as unknown });
  expect(await processes.semaphore({ permits: 1 }).tryPermit()).toBeDefined();
});

test("a request that is given up before its answer came holds nothing", async () => {
  const client = processes.client();
  const semaphore = processes.semaphore({ permits: 1, commandTimeout: 500 }, client);
  await until(() => semaphore.run(() => true), "it is connected");
  await server.cli("client", "pause", "1500", "all");
  await expect(semaphore.permit()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  await expect(semaphore.permit(1, { timeout: 100 })).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  const other = processes.semaphore({ permits: 1 });
  const permit = await other.permit(1, { timeout: "40s" });
  expect((await other.inspect()).held).toBe(1);
  await permit.release();
});

test("a lease lasts no longer than it says, also when the server's clock was set back by an hour", async () => {
  // Whose beat, which ends it at once, is 10 s away.
  const [a, b] = [processes.semaphore({ permits: 1 }), processes.semaphore({ permits: 1 })];
  const client = processes.client();
  const held = await a.permit();
  observe(a.permit());
  await queued(b, 1);
  // As it would be if the hour from now had been the present: the sixth number of the state is the largest token, the seventh the next end.
  const later = `
    local state = redis.call('GET', KEYS[1])
    local numbers = { struct.unpack('<ddddddddd', state) }
    numbers[6], numbers[7] = numbers[6] + 3600000000, numbers[7] + 3600000
    local lines = string.gsub(string.sub(state, 73), '(\\n%S+ )(%d+)', function(id, ends)
      return id .. string.format('%.0f', ends + 3600000)
    end)
    redis.call('SET', KEYS[1], struct.pack('<ddddddddd', unpack(numbers, 1, 9)) .. lines, 'KEEPTTL')`;
  await client.eval(later, 1, processes.key);
  const expiresIn = async (): Promise<number> => (await b.inspect()).holders[0]!.expiresIn;
  expect(await expiresIn()).toBeGreaterThan(3_000_000);
  expect(await b.tryPermit()).toBeUndefined();
  expect(await expiresIn()).toBeLessThanOrEqual(30_000);
  const { token } = held.fence;
  await held.release();
  await queued(b, 0);
  const { fence } = (await b.inspect()).holders[0]!;
  expect(fence.token > token + 3_600_000_000n).toBe(true);
});
