import { inspect, types } from "node:util";
import { FatalError, retryAfter, SnowshedError, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";

const response = (value: string, name: string = "Retry-After"): Response =>
  new Response(null, { status: 503, headers: { [name]: value } });
const day = 86_400_000;
const now = Date.parse("1994-11-06T08:49:00Z");

describe("retryAfter", () => {
  test.each<[string, number | undefined]>([
    ["0", 0],
    ["120", 120_000],
    ["1.5", 1500],
    [" 7 ", 7000],
    ["86401", day],
    ["9".repeat(400), day],
    ["Sun, 06 Nov 1994 08:49:37 GMT", 37_000],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 37_000],
    ["Sun Nov  6 08:49:37 1994", 37_000],
    ["Sun, 06 Nov 1994 08:48:00 GMT", 0],
    ["Sun, 06 Nov 2094 08:49:37 GMT", day],
    ["", undefined],
    ["-5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["NaN", undefined],
    ["Infinity", undefined],
    ["soon", undefined],
    ["Never", undefined],
    ["5 s", undefined],
    ["5, 6", undefined],
    [`Sun${" ".repeat(5000)}x`, undefined],
  ])("header %j is %j", (value, expected) => {
    expect(retryAfter(response(value), now)).toBe(expected);
    expect(retryAfter({ headers: { "retry-after": value } }, now)).toBe(expected);
    expect(retryAfter({ headers: { "Retry-After": value } }, now)).toBe(expected);
    expect(retryAfter({ headers: new Map([["retry-after", value]]) }, now)).toBe(expected);
  });

  test("of an HTTP date is measured from the system's time, unless told", () => {
    const soon = new Date(Date.now() + 3_600_000).toUTCString();
    const wait = retryAfter(response(soon))!;
    expect(wait).toBeGreaterThan(3_000_000);
    expect(wait).toBeLessThanOrEqual(3_600_000);
  });

  test("in milliseconds goes before that in seconds", () => {
    const both = { headers: { "retry-after": "2", "retry-after-ms": "1500" } };
    expect(retryAfter(both)).toBe(1500);
    expect(retryAfter({ headers: { "retry-after": "2", "retry-after-ms": "x" } })).toBe(2000);
  });

  test("of an error of ours, of what it wraps, and of nothing", () => {
    const error = new TransientError("x", { retryAfter: "3s" });
    expect(retryAfter(error)).toBe(3000);
    expect(retryAfter(new Error("x", { cause: new Error("y", { cause: error }) }))).toBe(3000);
    expect(retryAfter(new TransientError("x", { retryAfter: Number.POSITIVE_INFINITY }))).toBe(day);
    expect(retryAfter(Object.assign(new SnowshedError("SNOWSHED_CIRCUIT_OPEN", "x"), { retryAfter: 50 }))).toBe(50);
    const others = [new TransientError(), { retryAfter: 5 }, Object.assign(new Error("x"), { retryAfter: 5 })];
    for (const each of [...others, undefined, null, 5, "5", { headers: null }, { headers: { "retry-after": {} } }]) {
      expect(retryAfter(each)).toBeUndefined();
    }
  });
});

describe("TransientError and FatalError", () => {
  test.for([
    [TransientError, "TransientError", "SNOWSHED_TRANSIENT", "a transient failure"],
    [FatalError, "FatalError", "SNOWSHED_FATAL", "a fatal failure"],
  ] as const)("%o", ([ErrorClass, name, code, message]) => {
    const error = new ErrorClass();
    expect([error.name, error.code, error.message]).toEqual([name, code, message]);
    expect(error).toBeInstanceOf(SnowshedError);
    expect(error).toBeInstanceOf(ErrorClass);
    expect(types.isNativeError(error)).toBe(true);
    expect(String(error)).toBe(`${name}: ${message}`);
    expect(inspect(error)).toContain(name);
    expect(Object.keys(error)).toEqual(["code"]);
    expect("cause" in error).toBe(false);
    const cause = new Error("why");
    expect(new ErrorClass("own text", { cause })).toMatchObject({ message: "own text", cause });
    const other = ErrorClass === FatalError ? new TransientError() : new FatalError();
    expect(other instanceof ErrorClass).toBe(false);
    expect(Object.assign(new Error("x"), { code }) instanceof ErrorClass).toBe(false);
  });

  test.each([Number.NaN, -1, "-1s", "soon", "5", null, {}, true])("a retryAfter of %j is refused", (value) => {
    expect(() => new TransientError("x", { retryAfter: value as never })).toThrow(
      expect.objectContaining({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" }) as Error,
    );
  });

  test("a retryAfter is in milliseconds", () => {
    expect(new TransientError("x", { retryAfter: "1.5s" }).retryAfter).toBe(1500);
    expect(new TransientError("x", { retryAfter: 0 }).retryAfter).toBe(0);
    expect(new TransientError("x", { retryAfter: undefined }).retryAfter).toBeUndefined();
  });
});
