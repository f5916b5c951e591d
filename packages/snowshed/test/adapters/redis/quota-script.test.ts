// quota.lua against the meter of Quota, with a clock that the test sets: the script with another source of time.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { quotaScript } from "../../../src/adapters/redis/lua/quota-script.ts";
import { QuotaBlock } from "../../../src/adapters/redis/quota-block.ts";
import type { Alike, TakeReply } from "../../../src/adapters/redis/quota-state.ts";
import { Grant, readState, readTake } from "../../../src/adapters/redis/quota-state.ts";
import type { RedisPort, Script } from "../../../src/adapters/redis/port.ts";
import { portOf } from "../../../src/adapters/redis/redis-port.ts";
import type { Rate } from "../../../src/throttle/rate-meter.ts";
import { RateMeter, rateOf } from "../../../src/throttle/rate-meter.ts";
import { excess } from "../../support/rate-check.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis } from "../../support/redis.ts";

let server: RedisServer;
let client: Redis;
let port: RedisPort;
beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.port);
  port = portOf(client);
}, 60_000);
afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});

const time = 'local time = redis.call("TIME")';
/** By the server's own clock, which is another one here. */
const expiry = "math.ceil((last - now) / 1000) + 1";
const source = quotaScript.source
  .replace(time, "local time = { ARGV[#ARGV] / 1000000, 0 } ARGV[#ARGV] = nil")
  .replace(expiry, "3600000");
const timed: Script = { name: "timed", source, sha1: createHash("sha1").update(source).digest("hex") };

test("the clock has been replaced", () => {
  for (const part of [time, expiry]) expect(quotaScript.source.split(part)).toHaveLength(2);
});

const limit = fc.record({
  requests: fc.integer({ min: 1, max: 1000 }),
  per: fc.integer({ min: 1, max: 5_000_000 }),
  burst: fc.integer({ min: 1, max: 50 }),
});
interface Limit {
  readonly requests: number;
  readonly per: number;
  readonly burst: number;
}

const epoch = 1_795_000_000_000_000;
let runs = 0;

function argsOf(limits: readonly Limit[]): number[] {
  const rates = limits.map(({ requests, per, burst }) => rateOf(requests, per, burst));
  const numbers = rates.flatMap(({ fill, drain, burst }, index) => [
    fill,
    drain,
    burst,
    Math.max(burst, limits[index]!.requests) * fill,
  ]);
  return [limits.length, ...numbers];
}

/** Asks for `besides` and for those in `asked`, each as [how many, weight, longest wait]. */
async function take(
  key: string,
  limits: readonly Limit[],
  besides: number,
  asked: readonly (readonly [number, number, number])[],
  now: number,
): Promise<TakeReply & { readonly available: readonly number[]; readonly rates: readonly Rate[] }> {
  const rates = limits.map(({ requests, per, burst }) => rateOf(requests, per, burst));
  const reply = await port.run(timed, [key], ["take", ...argsOf(limits), besides, ...asked.flat(), now]);
  const alike = asked.map(([count, weight, longest]): Alike => ({ count, weight, longest }));
  return { ...readTake(reply, rates, alike), ...readState(reply, rates), rates };
}

/** How long each waits; of who has its units, when it goes, as a negative number or 0. */
function waitsOf(outcomes: readonly (Grant | number)[]): number[] {
  return outcomes.map((outcome) => (typeof outcome === "number" ? outcome : 0 - outcome.wait));
}

test("those who are alike fare as if each had been asked for by itself", { timeout: 60_000 }, async () => {
  const asked = fc.record({
    count: fc.integer({ min: 1, max: 6 }),
    weight: fc.integer({ min: 1, max: 5 }),
    longest: fc.constantFrom(-1, 0, 100_000),
  });
  const step = fc.record({ elapsed: fc.integer({ min: 0, max: 500_000 }), asked: fc.array(asked, { maxLength: 4 }) });
  const limits = fc.array(
    fc.record({
      requests: fc.integer({ min: 5, max: 50 }),
      per: fc.integer({ min: 1000, max: 5_000_000 }),
      burst: fc.integer({ min: 1, max: 20 }),
    }),
    { minLength: 1, maxLength: 2 },
  );
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 1, maxLength: 8 }), async (given, steps) => {
      const [together, apart] = [`{t}${runs++}`, `{t}${runs++}`];
      let now = epoch;
      for (const each of steps) {
        now += each.elapsed;
        const groups = each.asked.map(({ count, weight, longest }) => [count, weight, longest] as const);
        const singles = groups.flatMap(([count, weight, longest]) =>
          Array.from({ length: count }, () => [1, weight, longest] as const),
        );
        const one = await take(together, given, 3, groups, now);
        const other = await take(apart, given, 3, singles, now);
        expect(waitsOf(one.outcomes)).toEqual(waitsOf(other.outcomes));
        const levels = ({ outcomes, block }: TakeReply): (readonly number[] | undefined)[] =>
          [...outcomes, block].map((taken) => (taken instanceof Grant ? taken.levels : undefined));
        expect(levels(one)).toEqual(levels(other));
        expect(one.available).toEqual(other.available);
      }
    }),
    { numRuns: 100 },
  );
});

test("whoever does not wait fares as with RateMeter, to the microsecond", { timeout: 60_000 }, async () => {
  const step = fc.record({
    elapsed: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 3_000_000 })),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  const steps = fc.array(step, { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fc.array(limit, { minLength: 1, maxLength: 3 }), steps, async (limits, sequence) => {
      const key = `{p}${runs++}`;
      const meters = limits.map(({ requests, per, burst }) => new RateMeter(requests, per, burst));
      const heaviest = Math.min(...limits.map(({ requests }) => requests));
      let now = epoch;
      for (const { elapsed, share } of sequence) {
        now += elapsed;
        const weight = 1 + Math.floor(share * (heaviest - 1));
        const { outcomes, available } = await take(key, limits, 0, [[1, weight, 0]], now);
        expect(available).toEqual(meters.map((meter) => meter.available(now)));
        const wait = Math.max(...meters.map((meter) => meter.wait(weight, now)));
        expect(outcomes).toMatchObject([wait === 0 ? { weight, at: now, wait } : wait]);
        if (wait === 0) for (const meter of meters) meter.take(weight);
      }
    }),
    { numRuns: 60 },
  );
});

test("no window is overfull, whoever waits, refunds, pauses and takes blocks", { timeout: 120_000 }, async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("take" as const),
      elapsed: fc.integer({ min: 0, max: 400_000 }),
      shares: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
      longest: fc.constantFrom(-1, 0, 1_000_000),
      besides: fc.integer({ min: 0, max: 20 }),
    }),
    fc.record({
      kind: fc.constant("refund" as const),
      elapsed: fc.integer({ min: 0, max: 400_000 }),
      which: fc.nat(),
    }),
    fc.record({
      kind: fc.constant("pause" as const),
      elapsed: fc.integer({ min: 0, max: 400_000 }),
      ms: fc.integer({ min: 0, max: 500 }),
    }),
    // The clock of the server is set back.
    fc.record({ kind: fc.constant("back" as const), elapsed: fc.integer({ min: 0, max: 10_000_000 }) }),
  );
  const limits = fc.array(
    fc.record({
      requests: fc.integer({ min: 1, max: 50 }),
      per: fc.integer({ min: 1000, max: 5_000_000 }),
      burst: fc.integer({ min: 1, max: 50 }),
    }),
    { minLength: 1, maxLength: 2 },
  );
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 1, maxLength: 25 }), async (given, sequence) => {
      const key = `{w}${runs++}`;
      const heaviest = Math.min(...given.map(({ requests }) => requests));
      let now = epoch;
      /** What the clock has been set back by: true time goes on. */
      let back = 0;
      const gone = new Set<{ at: number; weight: number; refunds: number; levels: readonly number[]; back: number }>();
      for (const each of sequence) {
        if (each.kind === "back") {
          back += each.elapsed;
          now -= each.elapsed;
          continue;
        }
        now += each.elapsed;
        if (each.kind === "pause") {
          await port.run(timed, [key], ["pause", ...argsOf(given), each.ms * 1000, now]);
        } else if (each.kind === "refund") {
          const all = [...gone];
          const grant = all[each.which % Math.max(1, all.length)];
          // Of one that went before the clock was set back, nobody knows when that was.
          if (grant === undefined || grant.back !== back) continue;
          const args = ["refund", ...argsOf(given), grant.weight, grant.at, grant.refunds, ...grant.levels, now];
          await port.run(timed, [key], args);
          gone.delete(grant);
        } else {
          const weights = each.shares.map((share) => 1 + Math.floor(share * (heaviest - 1)));
          const asked = weights.map((weight) => [1, weight, each.longest] as const);
          const reply = await take(key, given, each.besides, asked, now);
          for (const taken of [...reply.outcomes, reply.block]) {
            if (!(taken instanceof Grant)) continue;
            const { at, weight, refunds, levels } = taken;
            gone.add({ at, weight, refunds, levels, back });
          }
        }
      }
      const taken = [...gone].map(({ at, weight, back: by }) => ({ at: at + by, weight }));
      for (const { requests, per, burst } of given) {
        const most = Math.max(burst, ...taken.map(({ weight }) => weight));
        expect(excess(taken, requests, per, most)).toBeLessThanOrEqual(1e-9);
      }
    }),
    { numRuns: 150 },
  );
});

test("of two that are given back, the second gives no more than has not drained", async () => {
  const [key, limits] = [`{r}${runs++}`, [{ requests: 1, per: 1000, burst: 2 }]];
  const refund = ({ weight, at, refunds, levels }: Grant, now: number): Promise<unknown> =>
    port.run(timed, [key], ["refund", ...argsOf(limits), weight, at, refunds, ...levels, now]);
  const [first, second] = (await take(key, limits, 0, [[2, 1, 0]], epoch)).outcomes as [Grant, Grant];
  await refund(first, epoch);
  // A unit has drained since, and it was the second's: the place of one that goes now.
  const then = epoch + 1000;
  expect(waitsOf((await take(key, limits, 0, [[1, 1, 0]], then)).outcomes)).toEqual([0]);
  await refund(second, then);
  expect(waitsOf((await take(key, limits, 0, [[2, 1, 0]], then)).outcomes)).toEqual([0, 1000]);
});

test("a clock that is set back makes nobody wait longer", async () => {
  const [key, limits] = [`{c}${runs++}`, [{ requests: 1, per: 10_000_000, burst: 2 }]];
  const ask = async (now: number, longest: number): Promise<number> =>
    Math.abs(waitsOf((await take(key, limits, 0, [[1, 1, longest]], now)).outcomes)[0]!);
  expect([await ask(epoch, 0), await ask(epoch, 0), await ask(epoch, -1)]).toEqual([0, 0, 10_000_000]);
  expect(await ask(epoch + 4_000_000, 0)).toBe(16_000_000);
  const hour = 3_600_000_000;
  expect(await ask(epoch - hour, 0)).toBe(20_000_000);
  expect(await ask(epoch - hour + 5_000_000, 0)).toBe(15_000_000);
  await port.run(timed, [key], ["pause", ...argsOf(limits), 30_000_000, epoch - hour + 5_000_000]);
  expect(await ask(epoch - hour + 5_000_000, 0)).toBe(30_000_000);
  expect(await ask(epoch - 2 * hour, 0)).toBe(30_000_000);
});

test("units of a block go when nobody else would have gone in their place", async () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 300_000 }), { minLength: 1, maxLength: 60 });
  const rate = fc.record({ requests: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 30 }) });
  await fc.assert(
    fc.asyncProperty(rate, gaps, fc.array(fc.boolean()), async ({ requests, burst }, times, others) => {
      const [key, per] = [`{b}${runs++}`, 1_000_000];
      const limits = [{ requests, per, burst }];
      const gone: { at: number; weight: number }[] = [];
      let now = epoch;
      let block: QuotaBlock | null = null;
      for (const [index, gap] of times.entries()) {
        now += gap;
        const isOther = others[index % Math.max(1, others.length)] === true;
        // What is spent of the block goes now, and not when the server counted it.
        if (!isOther && block !== null && block.take(1, (now - epoch) / 1000) !== null) {
          gone.push({ at: now, weight: 1 });
          continue;
        }
        const besides = isOther ? 0 : 9;
        const rest = isOther || block === null ? null : block.rest();
        if (rest !== null) {
          await port.run(
            timed,
            [key],
            ["refund", ...argsOf(limits), rest.weight, rest.at, rest.refunds, ...rest.levels, now],
          );
        }
        const reply = await take(key, limits, besides, [[1, 1, 0]], now);
        if (reply.outcomes[0] instanceof Grant) gone.push({ at: now, weight: 1 });
        if (!isOther) block = reply.block === null ? null : new QuotaBlock(reply.block, (now - epoch) / 1000);
      }
      expect(excess(gone, requests, per, burst)).toBeLessThanOrEqual(1e-9);
    }),
    { numRuns: 150 },
  );
});

test("the check finds a window that is overfull", () => {
  expect(
    excess(
      [
        { at: 0, weight: 1 },
        { at: 10, weight: 1 },
      ],
      1,
      10,
      1,
    ),
  ).toBe(0);
  expect(
    excess(
      [
        { at: 0, weight: 1 },
        { at: 9, weight: 1 },
      ],
      1,
      10,
      1,
    ),
  ).toBeCloseTo(0.1);
  expect(
    excess(
      [
        { at: 0, weight: 3 },
        { at: 100, weight: 1 },
        { at: 100, weight: 3 },
      ],
      1,
      10,
      3,
    ),
  ).toBe(1);
  expect(excess([], 1, 10, 1)).toBeLessThanOrEqual(0);
});
