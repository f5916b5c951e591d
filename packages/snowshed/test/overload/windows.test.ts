// The two windows: what they hold, against a list of all outcomes there ever were.
import fc from "fast-check";
import type { Duration, OutcomeWindow } from "snowshed";
import { CountWindow, TimeWindow } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";

interface Recorded {
  readonly failed: boolean;
  readonly at: number;
}

const held = (window: OutcomeWindow, at: number): readonly number[] => [window.total(at), window.failures(at)];
const countOf = (outcomes: readonly Recorded[]): readonly number[] => [
  outcomes.length,
  outcomes.filter(({ failed }) => failed).length,
];

const steps = fc.array(fc.record({ failed: fc.boolean(), after: fc.integer({ min: 0, max: 400 }) }), {
  maxLength: 200,
});

describe("CountWindow", () => {
  test("holds the last outcomes, whenever they were", () => {
    const window = new CountWindow(3);
    expect(held(window, 0)).toEqual([0, 0]);
    for (const failed of [true, true, false, false]) window.record(failed, 0);
    expect(held(window, Number.MAX_VALUE)).toEqual([3, 1]);
    window.record(false, -1);
    expect(held(window, 0)).toEqual([3, 0]);
  });

  test("forgets them all on reset(), and goes on", () => {
    const window = new CountWindow(2);
    for (const failed of [true, true, true]) window.record(failed, 0);
    window.reset();
    expect(held(window, 0)).toEqual([0, 0]);
    window.record(false, 0);
    window.record(true, 0);
    window.record(false, 0);
    expect(held(window, 0)).toEqual([2, 1]);
  });

  test("agrees with a list of everything", { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.boolean(), { maxLength: 100 }), (size, outcomes) => {
        const window = new CountWindow(size);
        outcomes.forEach((failed, index) => {
          window.record(failed, 0);
          const last = outcomes.slice(0, index + 1).slice(-size);
          expect(held(window, 0)).toEqual([last.length, last.filter(Boolean).length]);
        });
      }),
    );
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 24 + 1])("has no size %s", (size) => {
    expect(() => new CountWindow(size)).toThrow(RangeError);
    expect(() => new CountWindow(size)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  });

  test("has no size that is no number", () => {
    for (const size of ["3", null, undefined, {}] as unknown[]) {
      expect(() => new CountWindow(size as number)).toThrow(TypeError);
    }
  });
});

describe("TimeWindow", () => {
  test("has the length and slices it was given, or 10 s in 10", () => {
    expect(new TimeWindow()).toMatchObject({ length: 10_000, slices: 10 });
    expect(new TimeWindow({ length: "1.5m", slices: 3 })).toMatchObject({ length: 90_000, slices: 3 });
  });

  test("forgets a slice as a whole, when it is as old as the window", () => {
    const window = new TimeWindow({ length: "10s", slices: 10 });
    window.record(true, 500); // The first slice begins here
    window.record(true, 1_499);
    window.record(false, 1_500);
    expect(held(window, 10_499)).toEqual([3, 2]);
    expect(held(window, 10_500)).toEqual([1, 0]);
    expect(held(window, 11_500)).toEqual([0, 0]);
  });

  test("with one slice forgets everything at once", () => {
    const window = new TimeWindow({ length: 100, slices: 1 });
    window.record(true, 0);
    window.record(true, 99);
    expect(held(window, 99)).toEqual([2, 2]);
    expect(held(window, 100)).toEqual([0, 0]);
  });

  // cockatiel's SamplingBreaker drops one slice a call, however long nobody called: an hour later it still counts them.
  test("holds nothing after a silence as long as the window", () => {
    const window = new TimeWindow({ length: "10s", slices: 10 });
    for (let at = 0; at < 10_000; at += 100) window.record(true, at);
    expect(held(window, 9_900)).toEqual([100, 100]);
    window.record(false, 3_600_000);
    expect(held(window, 3_600_000)).toEqual([1, 0]);
  });

  test("forgets them all on reset(), and goes on", () => {
    const window = new TimeWindow({ length: 100, slices: 10 });
    for (let at = 0; at < 95; at += 10) window.record(true, at);
    window.reset();
    expect(held(window, 95)).toEqual([0, 0]);
    window.record(true, 95);
    expect(held(window, 194)).toEqual([1, 1]);
    expect(held(window, 195)).toEqual([0, 0]);
  });

  test("holds what is younger than all slices but one, and nothing as old as the window", { timeout: 30_000 }, () => {
    const shape = fc.record({ length: fc.integer({ min: 1, max: 2000 }), slices: fc.integer({ min: 1, max: 12 }) });
    fc.assert(
      fc.property(shape, steps, ({ length, slices }, outcomes) => {
        const window = new TimeWindow({ length, slices });
        const recorded: Recorded[] = [];
        let now = 0;
        for (const { failed, after } of outcomes) {
          now += after;
          recorded.push({ failed, at: now });
          window.record(failed, now);
          const [total, failures] = held(window, now) as [number, number];
          const certain = countOf(recorded.filter(({ at }) => now - at < length - length / slices - 1e-6));
          const possible = countOf(recorded.filter(({ at }) => now - at < length + 1e-6));
          expect(total).toBeGreaterThanOrEqual(Math.max(1, certain[0]!));
          expect(total).toBeLessThanOrEqual(possible[0]!);
          expect(failures).toBeGreaterThanOrEqual(certain[1]!);
          expect(failures).toBeLessThanOrEqual(possible[1]!);
        }
      }),
    );
  });
});

describe("a TimeWindow whose clock goes back", () => {
  test("a little counts what comes then, for as long as the rest", () => {
    const window = new TimeWindow({ length: 100, slices: 10 });
    window.record(false, 1000);
    window.record(true, 950);
    expect(held(window, 950)).toEqual([2, 1]);
    expect(held(window, 1099)).toEqual([2, 1]);
    expect(held(window, 1100)).toEqual([0, 0]);
  });

  test("an hour keeps what it holds for no longer than it is long", () => {
    const window = new TimeWindow({ length: 100, slices: 10 });
    window.record(true, 3_600_000);
    window.record(false, 0);
    expect(held(window, 99)).toEqual([2, 1]);
    expect(held(window, 100)).toEqual([0, 0]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_VALUE, -Number.MAX_VALUE])(
    "or reads %s works again afterwards",
    (reading) => {
      const window = new TimeWindow({ length: 100, slices: 10 });
      window.record(true, 0);
      window.record(true, reading);
      window.record(true, reading);
      window.record(false, 50);
      window.record(false, 250);
      expect(held(window, 250)).toEqual([1, 0]);
    },
  );

  test("in any way is right again two windows after it went on", { timeout: 30_000 }, () => {
    const readings = fc.oneof(fc.double(), fc.integer({ min: -500, max: 500 }));
    fc.assert(
      fc.property(fc.array(readings, { maxLength: 30 }), fc.integer({ min: -1000, max: 1000 }), (before, start) => {
        const window = new TimeWindow({ length: 100, slices: 10 });
        before.forEach((at, index) => {
          window.record(true, at);
          const [total, failures] = held(window, at) as [number, number];
          expect(total).toBe(failures);
          expect(total).toBeGreaterThanOrEqual(0);
          expect(total).toBeLessThanOrEqual(index + 1);
        });
        for (let at = start; at <= start + 200; at += 5) window.record(false, at);
        const [total, failures] = held(window, start + 200) as [number, number];
        expect(failures).toBe(0);
        expect(total).toBeGreaterThanOrEqual(18);
        expect(total).toBeLessThanOrEqual(20);
      }),
    );
  });
});

describe("a TimeWindow is refused", () => {
  test.each<readonly [string, object]>([
    ["length 0", { length: 0 }],
    ["a negative length", { length: "-1s" }],
    ["a length below 1 ms", { length: 0.5 }],
    ["an endless length", { length: Number.POSITIVE_INFINITY }],
    ["length NaN", { length: Number.NaN }],
    ["a length of another form", { length: "10 seconds" }],
    ["no slices", { slices: 0 }],
    ["half a slice", { slices: 0.5 }],
    ["NaN slices", { slices: Number.NaN }],
    ["too many slices", { slices: 10_001 }],
  ])("with %s", (_name, options) => {
    expect(() => new TimeWindow(options)).toThrow(RangeError);
    expect(() => new TimeWindow(options)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  });
});

test("both are an OutcomeWindow", () => {
  expectTypeOf<CountWindow>().toExtend<OutcomeWindow>();
  expectTypeOf<TimeWindow>().toExtend<OutcomeWindow>();
  expectTypeOf<NonNullable<ConstructorParameters<typeof TimeWindow>[0]>["length"]>().toEqualTypeOf<
    Duration | undefined
  >();
});
