import { getEventListeners } from "node:events";
import type { Context, MapConcurrentOptions } from "snowshed";
import { forEachConcurrent, mapConcurrent } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { outcome } from "../support/promises.ts";
import { numbers } from "../support/sources.ts";

const invalidArgument = { code: "SNOWSHED_INVALID_ARGUMENT" };

describe("arguments that are no good", () => {
  test.each([Number.NaN, 0, -1, 1.5, 2 ** 53, -Infinity])("concurrency %d is a RangeError", async (concurrency) => {
    expect(() => mapConcurrent([1], (item) => item, { concurrency })).toThrow(RangeError);
    const ended = outcome(forEachConcurrent([1], (item) => item, { concurrency }));
    expect(await ended).toMatchObject({ status: "rejected", reason: invalidArgument });
  });

  test.each(["2", null, undefined, {}])("concurrency %j is a TypeError that names what came", (concurrency) => {
    const options = { concurrency } as unknown as MapConcurrentOptions;
    expect(() => mapConcurrent([1], (item) => item, options)).toThrow(TypeError);
    expect(() => mapConcurrent([1], (item) => item, options)).toThrow(typeof concurrency);
  });

  test("no options at all is a TypeError", async () => {
    const none = undefined as unknown as MapConcurrentOptions;
    expect(() => mapConcurrent([1], (item) => item, none)).toThrow(TypeError);
    await expect(forEachConcurrent([1], (item) => item, none)).rejects.toMatchObject(invalidArgument);
  });

  test.each([null, undefined, 5, {}, () => {}])("source %j is a TypeError", async (source) => {
    const iterable = source as Iterable<number>;
    expect(() => mapConcurrent(iterable, (item) => item, { concurrency: 1 })).toThrow(TypeError);
    await expect(forEachConcurrent(iterable, () => {}, { concurrency: 1 })).rejects.toMatchObject(invalidArgument);
  });

  test.each([null, undefined, 5, "task", {}])("task %j is a TypeError", async (task) => {
    const call = task as () => number;
    expect(() => mapConcurrent([1], call, { concurrency: 1 })).toThrow(TypeError);
    await expect(forEachConcurrent([1], call, { concurrency: 1 })).rejects.toMatchObject(invalidArgument);
  });

  test.each([null, 5, "signal", {}])("signal %j is a TypeError", async (signal) => {
    const options = { concurrency: 1, signal } as unknown as MapConcurrentOptions;
    expect(() => mapConcurrent([1], (item) => item, options)).toThrow(TypeError);
    await expect(forEachConcurrent([1], (item) => item, options)).rejects.toMatchObject(invalidArgument);
  });

  test("are refused before the source or the signal is touched", async () => {
    const source = numbers("synchronous");
    const { signal } = new AbortController();
    await outcome(forEachConcurrent(source.iterable, () => {}, { concurrency: Number.NaN, signal }));
    expect(() => mapConcurrent(source.iterable, () => {}, { concurrency: 0.5, signal })).toThrow(RangeError);
    expect([source.opened, getEventListeners(signal, "abort").length]).toEqual([0, 0]);
  });

  test("a source that gives no iterator result is an error, not an endless loop", async () => {
    const source = { [Symbol.iterator]: () => ({ next: () => undefined }) } as unknown as Iterable<number>;
    await expect(forEachConcurrent(source, () => {}, { concurrency: 2 })).rejects.toThrow(TypeError);
  });
});

describe("types", () => {
  test("items come from the source, results from the task", () => {
    const results = mapConcurrent(
      ["a"],
      async (item, context) => {
        expectTypeOf(item).toEqualTypeOf<string>();
        expectTypeOf(context).toEqualTypeOf<Context>();
        return item.length;
      },
      { concurrency: 2 },
    );
    expectTypeOf(results).toEqualTypeOf<AsyncGenerator<number, void, void>>();
    expectTypeOf(results).toExtend<AsyncDisposable>();
    const numbersOf = async function* (): AsyncGenerator<number> {
      yield 1;
    };
    expectTypeOf(mapConcurrent(numbersOf(), (item) => `${item}`, { concurrency: 2 })).toEqualTypeOf<
      AsyncGenerator<string, void, void>
    >();
    expectTypeOf(forEachConcurrent([1], () => {}, { concurrency: 2 })).toEqualTypeOf<Promise<void>>();
  });

  test("concurrency is required, and forEachConcurrent has no order", () => {
    const never = (): void => {
      // @ts-expect-error concurrency must be said
      void mapConcurrent([1], (item) => item, {});
      // @ts-expect-error options are required
      void forEachConcurrent([1], (item) => item);
      // @ts-expect-error nothing is yielded, so there is no order
      void forEachConcurrent([1], (item) => item, { concurrency: 1, ordered: false });
      // @ts-expect-error a number is not iterable
      void forEachConcurrent(5, (item) => item, { concurrency: 1 });
      // @ts-expect-error a controller is not a signal
      void forEachConcurrent([1], (item) => item, { concurrency: 1, signal: new AbortController() });
    };
    expectTypeOf(never).toBeFunction();
    expectTypeOf<MapConcurrentOptions["signal"]>().toEqualTypeOf<AbortSignal | Context | undefined>();
  });
});
