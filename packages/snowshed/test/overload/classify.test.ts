import { AssertionError } from "node:assert";
import type { Classification } from "snowshed";
import { CanceledError, classify, Context, DeadlineExceededError, FatalError, TransientError } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { isCongestion } from "../../src/overload/classify.ts";

const coded = (code: string | number, others: object = {}): Error =>
  Object.assign(new Error("text"), { code, ...others });
const refused = coded("ECONNREFUSED");
const wrap = (cause: unknown): Error => new Error("outer", { cause });

describe("values", () => {
  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["a number", 503],
    ["text", "ECONNRESET"],
    ["a symbol", Symbol("s")],
    ["a function", () => {}],
    ["an array", [new Error("inside")]],
    ["a map", new Map([["status", 500]])],
    ["a domain object with a status", { status: 500, id: 7 }],
    ["one with a statusCode", { statusCode: 503 }],
    ["one whose headers are text", { status: 500, headers: "name;price" }],
    ["one whose status is text", { status: "500", headers: {} }],
    ["a status that is no integer", { status: 500.5, headers: {} }],
    ["a status that is none", { status: 1500, headers: {} }],
    ["NaN", { status: Number.NaN, headers: {} }],
    ["an object that carries an error", { error: new TypeError("inside"), code: "ECONNRESET" }],
    ["a row with code and message", { code: "23505", message: "duplicate key" }],
    ["200", new Response("text")],
    ["304", new Response(null, { status: 304 })],
    ["399", { status: 399, headers: {} }],
    ["Response.error()", Response.error()],
  ])("%s is ok", (_, value) => {
    expect(classify(value)).toBe("ok");
  });

  test("a response of any make is judged by its status", () => {
    expect(classify(new Response(null, { status: 503 }))).toBe("overload");
    expect(classify({ statusCode: 404, headers: { "content-type": "text/html" } })).toBe("fatal");
    expect(classify({ status: "Bad Gateway", statusCode: 502, headers: {} })).toBe("transient");
    expect(classify(Object.assign(Object.create(null) as object, { status: 429, headers: {} }))).toBe("overload");
  });
});

describe("errors", () => {
  test("that nobody can name are transient: they may be passing", () => {
    class MyError extends Error {}
    for (const error of [new Error("x"), new MyError("y"), coded("MY_CODE"), coded(7), new DOMException("text")]) {
      expect(classify(error)).toBe("transient");
      expect(isCongestion("transient", error)).toBe(false);
    }
  });

  test("of the program are fatal, also subclasses and those that a name hides", () => {
    class MyTypeError extends TypeError {
      override name = "MyTypeError";
    }
    class MyRangeError extends RangeError {}
    const assertion = new AssertionError({ message: "1 !== 2" });
    const all = [new MyTypeError("x"), new MyRangeError("x"), new SyntaxError("x"), new ReferenceError("x"), assertion];
    expect(all.map(classify)).toEqual(all.map(() => "fatal"));
    expect(classify(new URIError("x"))).toBe("fatal");
  });

  test("of the caller's cancellation are ignored", () => {
    using context = Context.background.withCancel();
    context.cancel(new FatalError("elsewhere"));
    expect(classify(context.reason)).toBe("ignore");
    expect(classify(AbortSignal.abort().reason)).toBe("ignore");
    expect(classify(new CanceledError("text", { cause: new DeadlineExceededError() }))).toBe("ignore");
    const abort = (cause: unknown): Error =>
      Object.assign(new Error("The operation was aborted", { cause }), { name: "AbortError", code: "ABORT_ERR" });
    expect(classify(abort(undefined))).toBe("ignore");
    expect(classify(abort(context.reason))).toBe("ignore");
  });

  test("of a deadline are not, also where the platform wraps them as aborted", () => {
    const timeout = new DOMException("text", "TimeoutError");
    const abort = (cause: unknown): Error =>
      Object.assign(new Error("The operation was aborted", { cause }), { name: "AbortError", code: "ABORT_ERR" });
    for (const error of [timeout, abort(timeout), abort(new DeadlineExceededError()), new DeadlineExceededError()]) {
      expect(classify(error)).toBe("transient");
      expect(isCongestion("transient", error)).toBe(true);
    }
  });

  test("of ours are what they say, whatever caused them", () => {
    expect(classify(new TransientError("x", { cause: new TypeError("y") }))).toBe("transient");
    expect(classify(new FatalError("x", { cause: refused }))).toBe("fatal");
  });

  test("a known code goes before the status, and the status before what is only a cause", () => {
    expect(classify(coded("ETIMEDOUT", { status: 400 }))).toBe("transient");
    expect(classify(coded("ERR_BAD_REQUEST", { response: { status: 404 } }))).toBe("fatal");
    expect(classify(coded("ERR_BAD_RESPONSE", { response: { status: 503 } }))).toBe("overload");
    expect(classify(Object.assign(wrap(new TypeError("x")), { status: 503 }))).toBe("overload");
    expect(classify(Object.assign(wrap(new TypeError("x")), { status: 304 }))).toBe("fatal");
  });
});

describe("causes", () => {
  test("are followed through wrappers that say nothing themselves", () => {
    expect(classify(wrap(wrap(wrap(coded("EMFILE")))))).toBe("overload");
    expect(classify(wrap(wrap(new TypeError("x"))))).toBe("fatal");
    expect(classify(wrap(AbortSignal.abort().reason))).toBe("ignore");
    expect(classify(wrap(new AggregateError([refused, coded("EMFILE")])))).toBe("overload");
    expect(classify(wrap("text"))).toBe("transient");
    expect(classify(wrap({ code: "EMFILE" }))).toBe("transient");
  });

  test("are not followed when the error says something", () => {
    expect(classify(Object.assign(wrap(new TypeError("x")), { code: "ECONNRESET" }))).toBe("transient");
    expect(classify(new TypeError("not a function", { cause: refused }))).toBe("fatal");
  });
});

describe("of an AggregateError the worst counts", () => {
  const order = [
    AbortSignal.abort().reason as unknown,
    refused,
    coded("ECONNRESET"),
    coded("EMFILE"),
    new FatalError(),
  ];
  const expected = ["ignore", "transient", "transient", "overload", "fatal"];

  test("whatever the order", () => {
    for (let count = 1; count <= order.length; count++) {
      const members = order.slice(0, count);
      for (const errors of [members, members.toReversed()]) {
        expect(classify(new AggregateError(errors))).toBe(expected[count - 1]);
        expect(classify(new AggregateError([new AggregateError(errors)]))).toBe(expected[count - 1]);
      }
    }
  });

  test("a timeout among transient ones is heeded by a limiter", () => {
    expect(isCongestion("transient", new AggregateError([refused, coded("ETIMEDOUT"), refused]))).toBe(true);
    expect(isCongestion("transient", new AggregateError([refused, refused]))).toBe(false);
  });

  test("of none, and of what is no error", () => {
    expect(classify(new AggregateError([]))).toBe("transient");
    expect(classify(new AggregateError([], "text", { cause: new TypeError("x") }))).toBe("fatal");
    expect(classify(new AggregateError([undefined, "text", {}]))).toBe("transient");
    expect(classify(new AggregateError(["text", { status: 503, headers: {} }]))).toBe("overload");
  });

  test("a machine without IPv6 is no reason to give up a server whose IPv4 address refuses", () => {
    for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL", "ENETUNREACH"]) {
      const members = [coded("ECONNREFUSED", { syscall: "connect" }), coded(code, { syscall: "connect" })];
      const error = Object.assign(new AggregateError(members), { code: "ECONNREFUSED" });
      expect(classify(new TypeError("fetch failed", { cause: error }))).toBe("transient");
    }
    expect(classify(coded("EAFNOSUPPORT", { syscall: "listen" }))).toBe("fatal");
  });

  test("a list of validation errors is no AggregateError", () => {
    expect(classify(Object.assign(new Error("x"), { errors: [new TypeError("y")] }))).toBe("transient");
  });
});

test("rejections made in this process are overload, but no congestion", () => {
  for (const code of ["SNOWSHED_CIRCUIT_OPEN", "SNOWSHED_LIMIT_EXCEEDED"]) {
    expect([classify(coded(code)), isCongestion("overload", coded(code))]).toEqual(["overload", false]);
  }
  expect(isCongestion("overload", coded("EMFILE"))).toBe(true);
  expect(isCongestion("overload", "text")).toBe(true);
  expect(isCongestion("transient", "text")).toBe(false);
  expect(isCongestion("fatal", coded("ETIMEDOUT"))).toBe(false);
});

test("types", () => {
  expectTypeOf(classify).returns.toEqualTypeOf<Classification>();
  expectTypeOf<Classification>().toEqualTypeOf<"ok" | "ignore" | "transient" | "overload" | "fatal">();
});
