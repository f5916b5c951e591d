import * as fc from "fast-check";
import type { Duration } from "snowshed";
import { toMilliseconds } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";

describe("toMilliseconds", () => {
  test.for<[Duration, number]>([
    [0, 0],
    [1.5, 1.5],
    [-20, -20],
    [2 ** 53, 2 ** 53],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
    ["0ms", 0],
    ["250ms", 250],
    ["0.25ms", 0.25],
    ["8s", 8000],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
    ["-1s", -1000],
    ["-0.5s", -500],
    ["007s", 7000],
  ])("takes %s as %s ms", ([duration, want]) => {
    expect(toMilliseconds(duration)).toBe(want);
  });

  test("means by decimals exactly what they say, where multiplying would be off by a rounding error", () => {
    // The control: the products that are meant here are not what a reader computes.
    expect([1.005 * 1000, 0.58 * 1000 * 60]).not.toEqual([1005, 34_800]);
    expect([toMilliseconds("1.005s"), toMilliseconds("0.58m")]).toEqual([1005, 34_800]);
  });

  test("agrees with counting in whole milliseconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), (ms) => {
        const [sign, rest] = [ms < 0 ? "-" : "", Math.abs(ms)];
        const seconds = `${sign}${Math.floor(rest / 1000)}.${String(rest % 1000).padStart(3, "0")}s`;
        expect(toMilliseconds(seconds as Duration)).toBe(ms);
        expect(toMilliseconds(`${ms}ms`)).toBe(ms);
      }),
    );
  });

  test.for<[string, unknown]>([
    ["NaN (number)", Number.NaN],
    ['"" (string)', ""],
    ['"8" (string)', "8"],
    ['"8 s" (string)', "8 s"],
    ['" 8s" (string)', " 8s"],
    ['"8s\\n" (string)', "8s\n"],
    ['"8S" (string)', "8S"],
    ['"s" (string)', "s"],
    ['"1d" (string)', "1d"],
    ['"1.s" (string)', "1.s"],
    ['".5s" (string)', ".5s"],
    ['"1s 5ms" (string)', "1s 5ms"],
    ['"NaNms" (string)', "NaNms"],
    ['"Infinityms" (string)', "Infinityms"],
    ['"1e3ms" (string)', "1e3ms"],
    ['"0x10ms" (string)', "0x10ms"],
    ['"１s" (string)', "１s"],
    ["8 (bigint)", 8n],
    ["null (object)", null],
    ["undefined (undefined)", undefined],
    ["[object Object] (object)", { valueOf: () => 8 }],
    ["(object)", new Date(8)],
    ["8s (object)", ["8s"]],
    ["Symbol(8s) (symbol)", Symbol("8s")],
    ["[object Object] (object)", Object.create(null)],
  ])("refuses %s", ([shown, duration]) => {
    const convert = (): number => toMilliseconds(duration as Duration, "timeout");
    expect(convert).toThrow(RangeError);
    expect(convert).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    expect(convert).toThrow(/^timeout must be milliseconds or a number with a unit/);
    expect(convert).toThrow(shown);
  });

  test("calls what it refuses a duration unless it is told the name", () => {
    expect(() => toMilliseconds("soon" as Duration)).toThrow(/^duration must be/);
  });

  test("knows at compile time what can be a duration", () => {
    const four: number = 4;
    const accepted: Duration[] = [1, "1ms", "1.5s", "2m", "3h", `${four}ms`];
    expect(accepted.map((duration) => toMilliseconds(duration))).toEqual([1, 1, 1500, 120_000, 10_800_000, 4]);
    expectTypeOf(toMilliseconds).parameters.toEqualTypeOf<[duration: Duration, name?: string | undefined]>();
    expectTypeOf(toMilliseconds).returns.toEqualTypeOf<number>();
    // @ts-expect-error a unit is missing
    expect(() => toMilliseconds("8")).toThrow(RangeError);
    // @ts-expect-error not a unit
    expect(() => toMilliseconds("8d")).toThrow(RangeError);
    // @ts-expect-error no number
    expect(() => toMilliseconds("s")).toThrow(RangeError);
    // @ts-expect-error not a length of time
    expect(() => toMilliseconds(new Date())).toThrow(RangeError);
    // @ts-expect-error undefined is no duration: what takes one optionally has its own default
    expect(() => toMilliseconds(undefined)).toThrow(RangeError);
  });
});
