import fc from "fast-check";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { Backoff } from "../../src/overload/backoff.ts";
import { BackoffSchedule } from "../../src/overload/backoff.ts";

/** A clock whose `random()` gives these numbers, one after the other. */
function chance(...numbers: readonly number[]): FakeClock {
  const clock = new FakeClock();
  let index = 0;
  clock.random = () => numbers[index++ % numbers.length]!;
  return clock;
}

/** The waits of one call that fails that often. */
function waits(backoff: Backoff | undefined, count: number, clock: FakeClock): number[] {
  const schedule = new BackoffSchedule(backoff);
  const found: number[] = [];
  for (let attempt = 1; attempt <= count; attempt++) {
    found.push(schedule.delay(attempt, found.at(-1) ?? 0, clock));
  }
  return found;
}

const backoffs = fc
  .record({
    initial: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
    above: fc.double({ min: 0, max: 1e9, noNaN: true }),
    factor: fc.oneof(fc.constant(1), fc.double({ min: 1, max: 1e12, noNaN: true })),
    jitter: fc.constantFrom("full", "decorrelated", "none", undefined),
  })
  .map(({ initial, above, factor, jitter }) => ({ initial, maximum: initial + above, factor, jitter }));

describe("a backoff", () => {
  test("always waits a finite time within [0, maximum], also at the thousandth attempt", () => {
    fc.assert(
      fc.property(backoffs, fc.integer(), fc.integer({ min: 1, max: 2000 }), (backoff, seed, count) => {
        const outside = waits(backoff, count, new FakeClock({ seed })).filter(
          (wait) => !(wait >= 0 && wait <= backoff.maximum),
        );
        expect(outside).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test("without jitter is min(maximum, initial · factor^(n−1))", () => {
    expect(waits({ jitter: "none" }, 9, new FakeClock())).toEqual([
      100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000,
    ]);
    const backoff = { initial: "1s", maximum: "1m", factor: 3, jitter: "none" } as const;
    expect(waits(backoff, 5, new FakeClock())).toEqual([1000, 3000, 9000, 27_000, 60_000]);
    expect(waits({ initial: 5, factor: 1, jitter: "none" }, 3, new FakeClock())).toEqual([5, 5, 5]);
  });

  test("with full jitter, the default, is that much times a random number in [0, 1)", () => {
    expect(waits(undefined, 4, chance(0))).toEqual([0, 0, 0, 0]);
    expect(waits({}, 4, chance(0.5, 0.25))).toEqual([50, 50, 200, 200]);
    expect(waits({ maximum: 300 }, 4, chance(0.5))).toEqual([50, 100, 150, 150]);
  });

  test("with full jitter draws once for each wait", () => {
    let draws = 0;
    const clock = new FakeClock();
    clock.random = () => ++draws / 100;
    waits({}, 10, clock);
    expect(draws).toBe(10);
  });

  // "Exponential Backoff and Jitter" (Brooker, 2015): sleep = min(cap, random_between(base, sleep * 3)).
  test("with decorrelated jitter is Brooker's formula, over every sequence of random numbers", () => {
    const numbers = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 500 }), (random, base) => {
        const cap = 20 * base;
        let sleep = base;
        const expected = random.map((number) => {
          sleep = Math.min(cap, base + number * (sleep * 3 - base));
          return sleep;
        });
        const backoff = { initial: base, maximum: cap, jitter: "decorrelated" } as const;
        expect(waits(backoff, random.length, chance(...random))).toEqual(expected);
      }),
    );
  });

  test("spreads: a thousand callers that fail together do not come back together", () => {
    for (const jitter of ["full", "decorrelated"] as const) {
      const clock = new FakeClock();
      const first = Array.from({ length: 1000 }, () => waits({ jitter }, 1, clock)[0]!);
      const width = jitter === "full" ? 100 : 200;
      const least = jitter === "full" ? 0 : 100;
      const tenths = Array.from(
        { length: 10 },
        (_, tenth) => first.filter((wait) => Math.floor(((wait - least) / width) * 10) === tenth).length,
      );
      for (const count of tenths) expect(count).toBeGreaterThan(50);
    }
  });

  test("with a first wait above the default maximum takes that as its maximum", () => {
    expect(waits({ initial: "1m", jitter: "none" }, 2, new FakeClock())).toEqual([60_000, 60_000]);
  });

  test("of 0 is legal: no wait", () => {
    for (const jitter of ["full", "decorrelated", "none"] as const) {
      expect(waits({ initial: 0, jitter }, 2000, new FakeClock()).every((wait) => wait === 0)).toBe(true);
      expect(waits({ initial: 0, maximum: 0, jitter }, 3, new FakeClock())).toEqual([0, 0, 0]);
    }
  });

  test.each([
    [{ initial: -1 }, "backoff.initial must be at least 0, and finite; received -1 (number)"],
    [{ initial: Number.NaN }, "backoff.initial must be"],
    [{ initial: Number.POSITIVE_INFINITY }, "backoff.initial must be at least 0, and finite; received Infinity"],
    [{ initial: "1 s" }, "backoff.initial must be"],
    [{ initial: null }, "backoff.initial must be"],
    [{ maximum: -1 }, "backoff.maximum must be at least 100 ms, and finite; received -1 (number)"],
    [{ maximum: 99 }, "backoff.maximum must be at least 100 ms, and finite"],
    [{ initial: "2s", maximum: "1s" }, "backoff.maximum must be at least 2000 ms, and finite"],
    [{ maximum: Number.POSITIVE_INFINITY }, "backoff.maximum must be at least 100 ms, and finite"],
    [{ maximum: Number.NaN }, "backoff.maximum must be"],
    [{ factor: 0.5 }, "backoff.factor must be a finite number of at least 1"],
    [{ factor: Number.NaN }, "backoff.factor must be"],
    [{ factor: Number.POSITIVE_INFINITY }, "backoff.factor must be"],
    [{ factor: "2" }, "backoff.factor must be"],
    [{ jitter: "equal" }, 'backoff.jitter must be "full", "decorrelated" or "none"; received "equal" (string)'],
    [{ jitter: true }, "backoff.jitter must be"],
    [null, "backoff must be an object"],
    [100, "backoff must be an object; received 100 (number)"],
  ])("of %j is refused", (backoff, message) => {
    const make = (): unknown => new BackoffSchedule(backoff as Backoff);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error);
  });
});
