// One value a key, at most so many keys.
import fc from "fast-check";
import { CircuitBreaker, Keyed } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { collected } from "../support/garbage.ts";

const keysOf = (keyed: Keyed<unknown>): string[] => Array.from(keyed.entries(), ([key]) => key);

describe("a key", () => {
  test("gets a value of its own, made once", () => {
    const made: string[] = [];
    const keyed = new Keyed((key) => ({ key, number: made.push(key) }));
    const a = keyed.get("a");
    expect(keyed.get("b")).not.toBe(a);
    expect(keyed.get("a")).toBe(a);
    expect(keyed.get("a")).toBe(a);
    expect([made, keyed.size, keyed.maxKeys]).toEqual([["a", "b"], 2, 1000]);
  });

  test("may be any text", () => {
    const keyed = new Keyed((key) => key);
    for (const key of ["", "__proto__", "constructor", "a"]) expect(keyed.get(key)).toBe(key);
    expect(keyed.size).toBe(4);
  });

  test("may have undefined as its value", () => {
    let made = 0;
    const keyed = new Keyed(() => void made++);
    keyed.get("a");
    keyed.get("b");
    keyed.get("a");
    expect([made, keyed.size]).toEqual([2, 2]);
  });

  test("can be looked at without making its value or keeping it", () => {
    const keyed = new Keyed((key) => key, { maxKeys: 2 });
    expect(keyed.peek("a")).toBeUndefined();
    keyed.get("a");
    keyed.get("b");
    expect(keyed.peek("a")).toBe("a");
    keyed.get("c");
    expect(keysOf(keyed)).toEqual(["b", "c"]);
  });

  test("can be forgotten", () => {
    const keyed = new Keyed(() => ({}));
    const first = keyed.get("a");
    expect([keyed.delete("a"), keyed.delete("a"), keyed.size]).toEqual([true, false, 0]);
    expect(keyed.get("a")).not.toBe(first);
  });

  test("whose value cannot be made is not kept", () => {
    const keyed = new Keyed((key) => {
      if (key === "bad") throw new Error("no such host");
      return key;
    });
    keyed.get("a");
    expect(() => keyed.get("bad")).toThrow("no such host");
    expect(keysOf(keyed)).toEqual(["a"]);
  });

  test("that its own make() asks for is made once", () => {
    let depth = 0;
    const keyed: Keyed<{ depth: number }> = new Keyed((key) => {
      depth++;
      return depth === 1 ? { depth: keyed.get(key).depth + 10 } : { depth };
    });
    expect(keyed.get("a")).toEqual({ depth: 2 });
    expect(keyed.size).toBe(1);
  });
});

describe("too many keys", () => {
  test("push out the one that was not asked for the longest", () => {
    const keyed = new Keyed((key) => key, { maxKeys: 3 });
    for (const key of ["a", "b", "c", "a", "d"]) keyed.get(key);
    expect(keysOf(keyed)).toEqual(["c", "a", "d"]);
  });

  test("from outside do not fill the memory", () => {
    const keyed = new Keyed((key) => new CircuitBreaker({ name: key }), { maxKeys: 10 });
    for (let index = 0; index < 10_000; index++) keyed.get(`tenant ${index}`);
    expect(keyed.size).toBe(10);
  });

  test("leave nothing of those pushed out", { timeout: 30_000 }, async () => {
    const make = (maxKeys: number) => {
      const keyed = new Keyed((key) => ({ key }), { maxKeys });
      return { keyed, first: () => new WeakRef(keyed.get("first")) };
    };
    for (const [maxKeys, gone] of [
      [2, true],
      [3, false],
    ] as const) {
      const { keyed, first } = make(maxKeys);
      expect(
        await collected(() => {
          const reference = first();
          keyed.get("a");
          keyed.get("b");
          return reference;
        }),
      ).toBe(gone);
      expect(keyed.size).toBe(maxKeys);
    }
  });

  test("are pushed out as a list of all requests says", () => {
    const requests = fc.array(
      fc.tuple(fc.constantFrom("get", "get", "get", "delete"), fc.constantFrom("a", "b", "c", "d", "e", "f")),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), requests, (maxKeys, program) => {
        const keyed = new Keyed((key) => key, { maxKeys });
        let model: string[] = [];
        for (const [request, key] of program) {
          model = model.filter((other) => other !== key);
          if (request === "delete") keyed.delete(key);
          else {
            model = [...model, key].slice(-maxKeys);
            expect(keyed.get(key)).toBe(key);
          }
          expect(keysOf(keyed)).toEqual(model);
        }
      }),
    );
  });
});

describe("entries()", () => {
  test("stay as they were while keys are asked for", () => {
    const keyed = new Keyed((key) => key.toUpperCase());
    for (const key of ["a", "b", "c"]) keyed.get(key);
    const seen: string[] = [];
    for (const [key, value] of keyed.entries()) {
      seen.push(`${key}${value}`);
      keyed.get(key);
      keyed.get(`${key}${key}`);
    }
    expect(seen).toEqual(["aA", "bB", "cC"]);
  });

  test("have the types of what was made", () => {
    const keyed = new Keyed(() => 1);
    expectTypeOf(keyed.get("a")).toEqualTypeOf<number>();
    expectTypeOf(keyed.peek("a")).toEqualTypeOf<number | undefined>();
    expectTypeOf(keyed.entries()).toEqualTypeOf<IterableIterator<[string, number]>>();
  });
});

describe("misuse is refused:", () => {
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("maxKeys %s", (maxKeys) => {
    expect(() => new Keyed(String, { maxKeys })).toThrow(RangeError);
  });

  test("no function, or a key that is no text", () => {
    const invalid: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(() => new Keyed("a" as unknown as () => void)).toThrow(invalid);
    const keyed = new Keyed(String);
    for (const key of [{}, 1, undefined, Symbol("a")]) {
      expect(() => keyed.get(key as unknown as string)).toThrow(TypeError);
      expect(() => keyed.get(key as unknown as string)).toThrow(invalid);
    }
    expect(keyed.size).toBe(0);
  });
});
