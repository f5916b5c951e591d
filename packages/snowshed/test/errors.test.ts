import { inspect, types } from "node:util";
import type { ErrorCode } from "snowshed";
import { CanceledError, Channel, Context, DeadlineExceededError, Semaphore, SnowshedError, WaitGroup } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { checkFunction, checkInteger, checkIterable, invalidArgument, toCancellation } from "../src/errors.ts";

describe("CanceledError and DeadlineExceededError", () => {
  test.for([
    [CanceledError, "AbortError", "SNOWSHED_CANCELED", "the operation was canceled"],
    [DeadlineExceededError, "TimeoutError", "SNOWSHED_DEADLINE_EXCEEDED", "the deadline was exceeded"],
  ] as const)("keep the names of the platform: %o", ([ErrorClass, name, code, message]) => {
    const error = new ErrorClass();
    expect([error.name, error.code, error.message]).toEqual([name, code, message]);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(SnowshedError);
    expect(types.isNativeError(error)).toBe(true);
    expect(String(error)).toBe(`${name}: ${message}`);
    expect(error.stack).toMatch(new RegExp(`^${name}: ${message}\n +at `));
    expect(inspect(error)).toContain(name);
    expect(Object.keys(error)).toEqual(["code"]);
    expect("cause" in error).toBe(false);
    const cause = new Error("why");
    expect(new ErrorClass("own text", { cause })).toMatchObject({ message: "own text", cause, name });
    expect(new ErrorClass(undefined, { cause: null }).cause).toBe(null);
  });

  test("pass for what existing code checks", () => {
    const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";
    const canceled = Context.background.withCancel();
    canceled.cancel();
    expect(isAbort(canceled.reason)).toBe(true);
    expect(isAbort(AbortSignal.abort().reason)).toBe(true);
    expect(isAbort(Context.background.withTimeout(0).reason)).toBe(false);
  });
});

describe("instanceof", () => {
  const canceled = new CanceledError();
  const deadline = new DeadlineExceededError();
  const plain = new SnowshedError("SNOWSHED_OVER_RELEASE", "text");

  test("tells the classes apart", () => {
    const classes = [SnowshedError, CanceledError, DeadlineExceededError];
    const table = [canceled, deadline, plain].map((error) => classes.map((each) => error instanceof each));
    expect(table).toEqual([
      [true, true, false],
      [true, false, true],
      [true, false, false],
    ]);
  });

  test.for<unknown>([
    undefined,
    null,
    "SNOWSHED_CANCELED",
    Symbol.for("snowshed.error"),
    {},
    { code: "SNOWSHED_CANCELED", name: "AbortError" },
    Object.assign(new Error("text"), { code: "SNOWSHED_CANCELED" }),
    AbortSignal.abort().reason,
    () => {},
  ])("is false for what only looks like one: %o", (value) => {
    expect([value instanceof SnowshedError, value instanceof CanceledError]).toEqual([false, false]);
  });

  test("goes by the prototypes for the classes of users", () => {
    class UpstreamError extends SnowshedError {}
    class GoneError extends CanceledError {}
    const gone = new GoneError("gone");
    expect([gone instanceof GoneError, gone instanceof CanceledError, gone instanceof SnowshedError]).toEqual([
      true,
      true,
      true,
    ]);
    expect([canceled instanceof GoneError, plain instanceof UpstreamError]).toEqual([false, false]);
    expect(new UpstreamError("SNOWSHED_CANCELED", "text") instanceof CanceledError).toBe(true);
    expect(gone.name).toBe("AbortError");
  });
});

describe("a foreign reason", () => {
  test("that is one of ours stays itself", () => {
    for (const reason of [new CanceledError(), new DeadlineExceededError()])
      expect(toCancellation(reason)).toBe(reason);
  });

  test.for<[unknown, typeof CanceledError | typeof DeadlineExceededError]>([
    [new DOMException("late", "TimeoutError"), DeadlineExceededError],
    [Object.assign(new Error("late"), { name: "TimeoutError" }), DeadlineExceededError],
    [new DOMException("gone", "AbortError"), CanceledError],
    [new Error("why"), CanceledError],
    [new SnowshedError("SNOWSHED_OVER_RELEASE", "text"), CanceledError],
    ["TimeoutError", CanceledError],
    [undefined, CanceledError],
    [null, CanceledError],
    [0, CanceledError],
  ])("becomes the cause: %s", ([reason, ErrorClass]) => {
    const cancellation = toCancellation(reason);
    expect(cancellation).toBeInstanceOf(ErrorClass);
    expect(cancellation.cause).toBe(reason);
    expect("cause" in cancellation).toBe(true);
  });
});

describe("argument errors", () => {
  test("are native errors with a code, the name of the argument, and what was received", () => {
    const error = invalidArgument(RangeError, "permits", "an integer", 1.5);
    expect(error).toBeInstanceOf(RangeError);
    expect(error).not.toBeInstanceOf(SnowshedError);
    expect(error).toMatchObject({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(error.message).toBe("permits must be an integer; received 1.5 (number)");
  });

  test.for<[string, unknown]>([
    ['"a\\"b" (string)', 'a"b'],
    ["undefined (undefined)", undefined],
    ["null (object)", null],
    ["12 (bigint)", 12n],
    ["Symbol(s) (symbol)", Symbol("s")],
    ["[object Object] (object)", {}],
    ["[object Object] (object)", Object.create(null)],
    ["[object Array] (object)", [Symbol("s")]],
    ["[object Object] (object)", { toString: () => expect.unreachable() }],
    ["[object Object] (object)", { toString: () => ({}) }],
  ])("show anything, without an error of its own: %s", ([shown, value]) => {
    expect(invalidArgument(TypeError, "value", "other", value).message).toBe(`value must be other; received ${shown}`);
  });

  const integer = (value: unknown, infinite?: boolean) => () => checkInteger(value, "weight", 0, infinite);

  test.for<unknown>([0, -0, 1, 2 ** 53 - 1])("let pass an integer in range: %s", (value) => {
    expect(integer(value)).not.toThrow();
  });

  test.for<unknown>([-1, 0.5, Number.NaN, 2 ** 53, Infinity, -Infinity, Number.MIN_VALUE])(
    "refuse %s with a RangeError",
    (value) => {
      expect(integer(value)).toThrow(RangeError);
      expect(integer(value)).toThrow(`weight must be an integer of at least 0; received ${String(value)} (number)`);
    },
  );

  test.for<unknown>(["1", "", null, undefined, true, {}, [1], new Number(1), Symbol("1")])(
    "refuse %o with a TypeError",
    (value) => {
      expect(integer(value)).toThrow(TypeError);
      expect(integer(value)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    },
  );

  test("take Infinity only where it means something", () => {
    expect(integer(Infinity, true)).not.toThrow();
    expect(integer(-Infinity, true)).toThrow(
      "weight must be an integer of at least 0, or Infinity; received -Infinity",
    );
    expect(integer(Number.NaN, true)).toThrow(RangeError);
  });

  test("check functions and iterables", () => {
    for (const value of [() => {}, Semaphore, async () => {}]) expect(() => checkFunction(value, "task")).not.toThrow();
    for (const value of [undefined, null, {}, "f"]) {
      expect(() => checkFunction(value, "task")).toThrow(/^task must be a function; received/);
    }
    const asynchronous = { [Symbol.asyncIterator]: () => {} };
    for (const value of [[], "", new Set(), asynchronous]) expect(() => checkIterable(value, "source")).not.toThrow();
    for (const value of [undefined, null, {}, 1, { [Symbol.iterator]: 1 }, { next: () => {} }]) {
      expect(() => checkIterable(value, "source")).toThrow(/^source must be iterable; received/);
    }
  });
});

test("every code is one that programs can switch over", () => {
  const codeOf = (call: () => unknown): unknown => {
    try {
      return call();
    } catch (error) {
      return (error as SnowshedError).code;
    }
  };
  expect([
    codeOf(() => new Semaphore(1).release()),
    codeOf(() => new WaitGroup().done()),
    codeOf(() => new Semaphore(Number.NaN)),
    codeOf(() => [new Channel(), new Channel()].map((channel) => [channel.close(), channel.close()])),
  ]).toEqual([
    "SNOWSHED_OVER_RELEASE",
    "SNOWSHED_NEGATIVE_COUNTER",
    "SNOWSHED_INVALID_ARGUMENT",
    "SNOWSHED_CHANNEL_CLOSED",
  ]);
  expectTypeOf<CanceledError["code"]>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<CanceledError>().toExtend<SnowshedError>();
  expectTypeOf<ErrorCode>().toExtend<`SNOWSHED_${string}`>();
  // @ts-expect-error not a code
  expect(new SnowshedError("SNOWSHED_NO_SUCH_CODE", "text")).toBeInstanceOf(Error);
});
