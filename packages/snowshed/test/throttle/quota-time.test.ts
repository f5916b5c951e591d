// Clocks that are set back, tremble or tell nonsense: no more may pass for it, and no wait lasts longer.
import fc from "fast-check";
import type { Clock } from "snowshed";
import { KeyedQuota, Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { PassingTime } from "../../src/throttle/passing-time.ts";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** A clock that tells what it is told to. */
function clockOf(first = 0) {
  const told = { now: first };
  const telling: Clock = {
    now: () => told.now,
    date: () => 0,
    random: () => 0,
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
  };
  return { told, telling };
}

describe("time", () => {
  test("passes in whole microseconds, from when it was made", () => {
    const { told, telling } = clockOf(1000.0001);
    const time = new PassingTime(telling);
    told.now = 1001.5005;
    expect([time.read(), time.read(), time.latest]).toEqual([1500, 1500, 1500]);
  });

  test("does not pass when a clock trembles", () => {
    const { told, telling } = clockOf();
    const time = new PassingTime(telling);
    for (let round = 0; round < 100; round++) {
      told.now = 1000 - (round % 2) * 999;
      expect(time.read()).toBe(1_000_000);
    }
  });

  test("goes on from where a clock was set back to", () => {
    const { told, telling } = clockOf();
    const time = new PassingTime(telling);
    told.now = 7_200_000;
    time.read();
    told.now = 3_600_000;
    expect(time.read()).toBe(7_200_000_000);
    told.now += 1;
    expect(time.read()).toBe(7_200_001_000);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("stands still at %d", (nonsense) => {
    const { told, telling } = clockOf();
    const time = new PassingTime(telling);
    told.now = nonsense;
    expect(time.read()).toBe(0);
    told.now = 1;
    expect(time.read()).toBe(1000);
  });

  test("never goes back, and never passes faster than the clock goes forward", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5000, max: 5000 }), { maxLength: 100 }), (steps) => {
        const { told, telling } = clockOf();
        const time = new PassingTime(telling);
        let forward = 0;
        let before = 0;
        for (const step of steps) {
          told.now += step;
          forward += Math.max(0, step) * 1000;
          const read = time.read();
          expect(read).toBeGreaterThanOrEqual(before);
          expect(read).toBeLessThanOrEqual(forward);
          before = read;
        }
      }),
    );
  });
});

describe.each([
  ["a Quota", (telling: Clock) => new Quota({ limits: [{ requests: 10, per: "1s" }], clock: telling })],
  [
    "a KeyedQuota",
    (telling: Clock) => {
      const keyed = new KeyedQuota({ limits: [{ requests: 10, per: "1s" }], clock: telling });
      return { tryPermit: () => keyed.tryPermit("a") };
    },
  ],
])("%s", (_name, make) => {
  test("lets no more pass for a clock that trembles", () => {
    const { told, telling } = clockOf();
    const quota = make(telling);
    let passed = 0;
    for (let round = 0; round < 1000; round++) {
      told.now = round % 2 === 0 ? 500 : 0;
      if (quota.tryPermit() !== undefined) passed++;
    }
    expect(passed).toBe(1);
  });

  test("is stopped by a clock that tells nonsense, and goes on when it does not", () => {
    const { told, telling } = clockOf();
    const quota = make(telling);
    expect(quota.tryPermit()).toBeDefined();
    told.now = Number.NaN;
    expect(quota.tryPermit()).toBeUndefined();
    told.now = 100;
    expect(quota.tryPermit()).toBeDefined();
  });

  test("is not made with a clock that tells nonsense", () => {
    const error: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => make(clockOf(Number.NaN).telling)).toThrow(error);
  });
});
