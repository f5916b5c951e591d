// Whatever is thrown or returned: one of five words, and no exception.
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { classify, isFatal, isRetryable, retryAfter } from "snowshed";
import { describe, expect, test } from "vitest";
import { isCongestion } from "../../src/overload/classify.ts";

const boom = (): never => {
  throw new Error("getter");
};
const keys = ["name", "message", "code", "status", "statusCode", "response", "headers", "errors", "cause", "metadata"];
const hostile = <T extends object>(target: T): T => {
  for (const key of keys) Object.defineProperty(target, key, { get: boom });
  return target;
};
const handler: ProxyHandler<object> = Object.fromEntries(
  ["get", "getPrototypeOf", "has", "ownKeys", "getOwnPropertyDescriptor"].map((trap) => [trap, boom]),
);
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
const refused = Object.assign(new Error("x"), { code: "ECONNREFUSED" });

describe("hostile values", () => {
  test.each<[string, unknown, string]>([
    ["an error whose getters throw", hostile(new Error("x")), "transient"],
    ["an object whose getters throw", hostile({}), "ok"],
    ["a proxy whose traps throw", new Proxy({}, handler), "ok"],
    ["a proxy of an error whose traps throw", new Proxy(new Error("x"), handler), "ok"],
    ["a revoked proxy", revoked(), "ok"],
    ["a proxy of an error", new Proxy(new TypeError("x"), {}), "fatal"],
    ["a proxy of a coded error", new Proxy(refused, {}), "transient"],
    ["a frozen error", Object.freeze(Object.assign(new Error("x"), { code: "EMFILE" })), "overload"],
    ["an error without a prototype", Object.setPrototypeOf(new Error("x"), null), "transient"],
    ["what inherits from Error", Object.create(Error.prototype), "transient"],
    [
      "a toStringTag that throws",
      {
        message: "x",
        get [Symbol.toStringTag]() {
          return boom();
        },
      },
      "ok",
    ],
    [
      "a name and code that are objects",
      Object.assign(new Error("x"), { name: {}, code: { toString: boom } }),
      "transient",
    ],
    ["a message that is no text", Object.assign(new Error("x"), { message: 7 }), "transient"],
    ["a status that is a bigint", Object.assign(new Error("x"), { status: 500n }), "transient"],
    ["errors that are no list", Object.assign(new AggregateError([]), { errors: { length: 1 } }), "transient"],
    [
      "a list of errors that throws",
      Object.assign(new AggregateError([]), { errors: new Proxy([1], { get: boom }) }),
      "transient",
    ],
    [
      "a list without end",
      Object.assign(new AggregateError([]), {
        errors: new Proxy([1], { get: (_, key) => (key === "length" ? Number.MAX_SAFE_INTEGER : 1) }),
      }),
      "transient",
    ],
  ])("%s", (_, value, expected) => {
    expect(classify(value)).toBe(expected);
    expect(retryAfter(value)).toBeUndefined();
    expect(isFatal(value)).toBe(expected === "fatal");
    expect(isRetryable(value)).toBe(expected !== "fatal");
    expect(typeof isCongestion(classify(value), value)).toBe("boolean");
  });

  test("a cycle of causes", () => {
    const first = new Error("first");
    const second = new Error("second", { cause: first });
    first.cause = second;
    const self = new Error("self");
    self.cause = self;
    const group = new AggregateError([]);
    group.errors = [group, [group], first];
    for (const error of [first, second, self, group]) {
      expect(classify(error)).toBe("transient");
      expect(retryAfter(error)).toBeUndefined();
    }
  });

  test("a chain of ten thousand, and one that grows as it is read", () => {
    let chain = new Error("innermost");
    let groups = new AggregateError([]);
    for (let depth = 0; depth < 10_000; depth++) {
      chain = new Error("outer", { cause: chain });
      groups = new AggregateError([groups, groups]);
    }
    expect(classify(chain)).toBe("transient");
    expect(retryAfter(chain)).toBeUndefined();
    // 2^10000 paths lead to the innermost: only so many are followed.
    expect(classify(groups)).toBe("transient");
    let read = 0;
    const growing = (): Error =>
      Object.defineProperty(new Error("x"), "cause", {
        get: () => {
          read++;
          return growing();
        },
      });
    expect(classify(growing())).toBe("transient");
    expect(read).toBeLessThan(1000);
  });

  test("a chain that a program may really have is followed to its end", () => {
    let chain: Error = refused;
    for (let depth = 0; depth < 50; depth++) chain = new Error("outer", { cause: chain });
    expect(isCongestion("transient", new Error("x", { cause: chain }))).toBe(false);
    let fatal: Error = new TypeError("innermost");
    for (let depth = 0; depth < 50; depth++) fatal = new Error("outer", { cause: fatal });
    expect(classify(fatal)).toBe("fatal");
    const many = Array.from({ length: 5000 }, () => refused);
    expect(classify(new AggregateError([...many, new TypeError("the last")]))).toBe("fatal");
  });
});

test("errors of another realm", () => {
  const foreign = (code: string): unknown => runInNewContext(code);
  expect(foreign("new Error('x')")).not.toBeInstanceOf(Error);
  expect(classify(foreign("new Error('x')"))).toBe("transient");
  expect(classify(foreign("new TypeError('x')"))).toBe("fatal");
  expect(classify(foreign("new (class MyError extends Error {})('x')"))).toBe("transient");
  expect(classify(foreign("Object.assign(new Error('x'), { code: 'EMFILE' })"))).toBe("overload");
  expect(classify(foreign("new AggregateError([new RangeError('x')])"))).toBe("fatal");
  expect(
    classify(foreign("new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'EPIPE' }) })")),
  ).toBe("transient");
  expect(classify(foreign("({ message: 'x', code: 'EMFILE' })"))).toBe("ok");
  expect(classify(foreign("({ status: 503, headers: {} })"))).toBe("overload");
});

describe("properties", () => {
  const words = ["ok", "ignore", "transient", "overload", "fatal"];
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "ECONNRESET",
      "EMFILE",
      "TypeError",
      "AbortError",
      "AggregateError",
      "57014",
      "P2024",
      "fetch failed",
    ),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
      fc
        .record(
          {
            kind: fc.constantFrom(Error, TypeError, DOMException),
            message: text,
            name: text,
            code: fc.oneof(text, fc.integer(), tie("value")),
            status: fc.oneof(fc.integer({ min: 90, max: 610 }), tie("value")),
            headers: fc.oneof(fc.dictionary(text, text), tie("value")),
            response: tie("value"),
            cause: tie("value"),
            errors: fc.oneof(fc.array(tie("value"), { maxLength: 4 }), tie("value")),
            details: tie("value"),
            isError: fc.boolean(),
          },
          { requiredKeys: ["kind", "isError"] },
        )
        .map(({ kind, isError, message, ...properties }) => {
          const target = isError ? new kind(message) : {};
          for (const [key, each] of Object.entries(properties)) {
            Object.defineProperty(target, key, { value: each, configurable: true });
          }
          return target;
        }),
    ),
  }));

  test("one of five words, whatever it is, and the same when asked again", () => {
    fc.assert(
      fc.property(value, (outcome) => {
        const classification = classify(outcome);
        expect(words).toContain(classification);
        expect(classify(outcome)).toBe(classification);
        expect(isFatal(outcome)).toBe(classification === "fatal");
        if (classification !== "transient" && classification !== "overload") {
          expect(isCongestion(classification, outcome)).toBe(false);
        }
        const wait = retryAfter(outcome, 0);
        expect(wait === undefined || (wait >= 0 && wait <= 86_400_000)).toBe(true);
      }),
    );
  });

  test("an AggregateError is as bad as the worst of its members thrown alone", () => {
    const worse = ["ignore", "transient", "overload", "fatal"];
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), (members) => {
        const each = members.map((member) => classify(member)).map((word) => (word === "ok" ? "transient" : word));
        const worst = each.toSorted((a, b) => worse.indexOf(a) - worse.indexOf(b)).at(-1);
        expect(classify(new AggregateError(members))).toBe(worst);
      }),
    );
  });
});
