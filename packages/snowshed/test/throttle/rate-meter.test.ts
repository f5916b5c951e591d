// The meter at its edges: large numbers, fractions, refunds. What it promises is counted in integers without bounds.
import fc from "fast-check";
import { Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { RateMeter, rateOf } from "../../src/throttle/rate-meter.ts";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** What passed, and when; every window of it is looked at. Refunded are taken out. */
function expectNoExcess(
  passed: readonly (readonly [at: number, weight: number])[],
  { requests, per, burst }: { requests: number; per: number; burst: number },
): void {
  for (let from = 0; from < passed.length; from++) {
    let sum = 0n;
    let heaviest = 0;
    for (let until = from; until < passed.length; until++) {
      const [at, weight] = passed[until]!;
      sum += BigInt(weight);
      heaviest = Math.max(heaviest, weight);
      // sum ≤ most + t · requests / per, times per.
      const time = BigInt(at - passed[from]![0]);
      const allowed = BigInt(Math.max(burst, heaviest)) * BigInt(per) + time * BigInt(requests);
      if (sum * BigInt(per) > allowed) expect.fail(`${sum} units in ${time} µs`);
    }
  }
}

const anyRate = fc.record({
  requests: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  per: fc.oneof(
    fc.constantFrom(1, 1000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000),
    fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  ),
  burst: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
});

describe("a meter", () => {
  test("lets no more pass in any window, with all weights, refunds and numbers", () => {
    let refunds = 0;
    const call = fc.record({
      // In parts of what a unit takes, so that something happens.
      after: fc.double({ min: 0, max: 3, noNaN: true }),
      weight: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
      refund: fc.option(fc.nat(30), { freq: 4 }),
    });
    fc.assert(
      fc.property(anyRate, fc.array(call, { maxLength: 60 }), (rate, calls) => {
        const meter = new RateMeter(rate.requests, rate.per, rate.burst);
        const passed: [at: number, weight: number][] = [];
        let now = 0;
        for (const { after, weight: any, refund } of calls) {
          const weight = Math.min(any, rate.requests);
          now += Math.floor((after * weight * rate.per) / rate.requests);
          if (refund !== null && refund < passed.length) {
            const [[at, taken]] = passed.splice(refund, 1) as [[number, number]];
            meter.refund(taken, now - at);
            refunds++;
          }
          if (meter.wait(weight, now) > 0) continue;
          meter.take(weight);
          passed.push([now, weight]);
        }
        expectNoExcess(passed, rate);
      }),
      { numRuns: 2000 },
    );
    expect(refunds).toBeGreaterThan(100);
  });

  test("gives back no more than is still owed: with the rest, others have passed", () => {
    const meter = new RateMeter(1, 1000, 1);
    meter.take(1);
    expect(meter.wait(1, 1000)).toBe(0);
    meter.take(1);
    meter.refund(1, 1000); // The first of them, which has drained.
    expect(meter.wait(1, 1000)).toBe(1000);
    meter.refund(1, 0);
    expect(meter.wait(1, 1000)).toBe(0);
  });

  test("keeps the pace also where a unit is no whole number of microseconds", () => {
    // 1.8 µs for each; whole microseconds would make it 2.
    const { fill, drain } = rateOf(2_000_000_011, 3_600_000_000, 1);
    const each = fill / drain;
    expect(each * 2_000_000_011).toBeGreaterThanOrEqual(3_600_000_000);
    expect(each * 2_000_000_011).toBeLessThan(3_600_000_000 * 1.000_001);
  });

  test("has numbers that a computer can add, whatever the limit is", () => {
    const large = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const finest = fc.constantFrom(undefined, 64);
    fc.assert(
      fc.property(
        large,
        fc.integer({ min: 1, max: 8_640_000_000_000_000 }),
        large,
        finest,
        (requests, per, burst, parts) => {
          const rate = rateOf(requests, per, burst, parts);
          for (const value of [rate.fill, rate.drain, rate.fill * rate.burst]) {
            expect(Number.isSafeInteger(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(1);
          }
          // Never faster.
          expect(BigInt(rate.fill) * BigInt(requests)).toBeGreaterThanOrEqual(BigInt(per) * BigInt(rate.drain));
          expect(rate.burst).toBeLessThanOrEqual(burst);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("a limit", () => {
  test.each([1e306, Number.MAX_VALUE, "24001h", 1e15] as const)("of more than 1000 days is refused: %s", (per) => {
    const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => new Quota({ limits: [{ requests: 1, per }], clock })).toThrow(refused);
  });

  test("of 1000 days, and of as many requests as there are numbers, is kept", () => {
    const days = new Quota({ limits: [{ requests: 1, per: "24000h" }], clock });
    expect([days.tryPermit(), days.tryPermit()].map((permit) => permit !== undefined)).toEqual([true, false]);
    const many = Number.MAX_SAFE_INTEGER;
    const plenty = new Quota({ limits: [{ requests: many, per: "1s", burst: many }], clock });
    for (let call = 0; call < 100; call++) expect(plenty.tryPermit(1_000_000)).toBeDefined();
  });

  test("of a fraction of a microsecond is rounded up: never more passes", async () => {
    // 1.4 µs; 1 would be 40% more.
    const quota = new Quota({ limits: [{ requests: 1000, per: 0.0014, burst: 1000 }], clock });
    quota.tryPermit(1000);
    expect(quota.tryPermit(1000)).toBeUndefined();
    const exact = [0.3, 1.005, 2.007, 2.011].map((per) => new Quota({ limits: [{ requests: 1, per }], clock }));
    expect(exact.map((each) => each.inspect().limits[0]?.per)).toEqual([0.3, 1.005, 2.007, 2.011]);
    expect(quota.inspect().limits[0]?.per).toBe(0.002);
  });
});

describe("shares", () => {
  const options = { limits: [{ requests: 100, per: "1s", burst: 100 }] } as const;

  test.each([0.005, 0.123, 1e-4, "0.2", Number.NaN])("in other steps than hundredths are refused: %s", (critical) => {
    const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => new Quota({ ...options, reserve: { critical: critical as number } })).toThrow(refused);
  });

  test.each([5, "all"])("are an object, not %s", (reserve) => {
    const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => new Quota({ ...options, reserve: reserve as unknown as object })).toThrow(refused);
  });

  test("add up without what fractions are off", () => {
    const quota = new Quota({ ...options, reserve: { critical: 0.29, high: 0.57, normal: 0.13 }, clock });
    let low = 0;
    while (quota.tryPermit(1, { priority: "low" }) !== undefined) low++;
    expect(low).toBe(1);
  });

  test("of what the service says are whole units", () => {
    const quota = new Quota({ ...options, reserve: { critical: 0.3 }, clock });
    const headers = { "x-ratelimit-limit": "10", "x-ratelimit-remaining": "4", "x-ratelimit-reset": "9" };
    quota.observe({ status: 200, headers });
    expect(quota.tryPermit()).toBeDefined();
    expect(quota.tryPermit()).toBeUndefined();
  });

  test("are kept in every window, whatever the others do", async () => {
    const call = fc.record({
      after: fc.nat(200),
      weight: fc.integer({ min: 1, max: 5 }),
      priority: fc.constantFrom("critical", "high", "normal", "low"),
      refund: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 50 }), async (calls) => {
        const limits = [{ requests: 20, per: "1s", burst: 10 }] as const;
        const quota = new Quota({ limits, reserve: { critical: 0.2, high: 0.3 }, clock });
        const passed: { at: number; weight: number; priority: string }[] = [];
        for (const { after, weight, priority, refund } of calls) {
          // oxlint-disable-next-line no-await-in-loop
          await clock.advance(after);
          const permit = quota.tryPermit(weight, { priority });
          if (refund) permit?.refund();
          else if (permit !== undefined) passed.push({ at: clock.now() * 1000, weight, priority });
        }
        const of = (...bands: string[]) =>
          passed.filter(({ priority }) => bands.includes(priority)).map(({ at, weight }) => [at, weight] as const);
        expectNoExcess(of("critical", "high", "normal", "low"), { requests: 20, per: 1_000_000, burst: 10 });
        expectNoExcess(of("high", "normal", "low"), { requests: 16, per: 1_000_000, burst: 8 });
        expectNoExcess(of("normal", "low"), { requests: 10, per: 1_000_000, burst: 5 });
      }),
      { numRuns: 200 },
    );
  });
});
