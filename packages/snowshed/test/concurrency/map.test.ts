import { Context, mapConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import { observe } from "../support/promises.ts";
import { countedSource, numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** Collects to the end while the clock is moved on. */
async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  const end = (async () => {
    for await (const result of results) collected.push(result);
  })();
  await clock.advance("1h");
  await end;
  return collected;
}

describe.each(sourceKinds)("mapConcurrent over a source that is %s", (kind) => {
  const durations = [30, 10, 20, 5, 1];
  const slowFirst = (): AsyncIterable<number> & Iterable<number> =>
    countedSource(kind, (index) => durations[index]).iterable;
  const sleep = async (ms: number, context: Context): Promise<number> => {
    await context.sleep(ms);
    return ms;
  };

  test("yields in the order of the source, whatever ends first", async () => {
    const results = mapConcurrent(slowFirst(), sleep, { concurrency: 3, signal: root });
    expect(await collect(results)).toEqual([30, 10, 20, 5, 1]);
  });

  test("yields each result as soon as it is there with `ordered: false`", async () => {
    const results = mapConcurrent(slowFirst(), sleep, { concurrency: 3, signal: root, ordered: false });
    // 10 and then 5 and 1 share the second place: 10, 15, 16; the third ends at 20, the first at 30.
    expect(await collect(results)).toEqual([10, 5, 1, 20, 30]);
  });

  test("has at most `concurrency` tasks alive, and that many when there is work", async () => {
    const alive: number[] = [];
    let running = 0;
    const task = async (_item: number, context: Context): Promise<void> => {
      alive.push(++running);
      await context.sleep(10);
      running--;
    };
    await collect(mapConcurrent(numbers(kind, 20).iterable, task, { concurrency: 4, signal: root }));
    expect(Math.max(...alive)).toBe(4);
    expect(alive.slice(4).every((count) => count > 0 && count <= 4)).toBe(true);
    expect(clock.now()).toBe(3_600_000);
  });

  test("with concurrency 1 is a loop: one after another, in order", async () => {
    const log: string[] = [];
    const task = async (item: number, context: Context): Promise<void> => {
      log.push(`+${item}`);
      await context.sleep(5);
      log.push(`-${item}`);
    };
    await collect(mapConcurrent(numbers(kind, 3).iterable, task, { concurrency: 1, signal: root }));
    expect(log).toEqual(["+0", "-0", "+1", "-1", "+2", "-2"]);
  });

  test("with concurrency Infinity starts everything there is", async () => {
    let started = 0;
    const task = async (item: number, context: Context): Promise<number> => {
      started++;
      await context.sleep(10);
      return item;
    };
    const results = mapConcurrent(numbers(kind, 1000).iterable, task, { concurrency: Infinity, signal: root });
    const first = results.next();
    await clock.advance(1);
    expect(started).toBe(1000);
    await clock.advance(9);
    expect(await first).toEqual({ done: false, value: 0 });
    expect(await collect(results)).toHaveLength(999);
  });

  test("does nothing before the first next(): no source opened, no task run", async () => {
    const source = numbers(kind);
    let started = 0;
    const results = mapConcurrent(source.iterable, () => started++, { concurrency: 3 });
    await clock.advance("1h");
    expect([source.opened, source.pulled, started]).toEqual([0, 0, 0]);
    await results.return();
    expect([source.opened, source.closed]).toEqual([0, 0]);
  });

  test("yields nothing for an empty source, and goes on saying so", async () => {
    const results = mapConcurrent(numbers(kind, 0).iterable, () => 1, { concurrency: 2 });
    for (let time = 0; time < 3; time++) expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test("yields undefined, null and false like any other result", async () => {
    const values = [undefined, null, false, 0, ""];
    const results = mapConcurrent(numbers(kind, 5).iterable, (index) => values[index], { concurrency: 2 });
    expect(await collect(results)).toEqual(values);
  });

  test("takes tasks that return at once, and foreign thenables", async () => {
    const thenable = (value: number): PromiseLike<number> =>
      // oxlint-disable-next-line unicorn/no-thenable
      ({ then: (resolve: (value: number) => void) => resolve(value) }) as unknown as PromiseLike<number>;
    const task = (item: number): number | PromiseLike<number> => (item % 2 === 0 ? item : thenable(-item));
    const results = mapConcurrent(numbers(kind, 4).iterable, task, { concurrency: 2 });
    expect(await collect(results)).toEqual([0, -1, 2, -3]);
  });

  test("gives the task the item and a context, and nothing else", async () => {
    const calls: unknown[][] = [];
    const task = (...given: unknown[]): number => calls.push(given);
    await collect(mapConcurrent(numbers(kind, 1).iterable, task, { concurrency: 2, signal: root }));
    expect(calls).toEqual([[0, expect.any(Context)]]);
  });

  test("gives all tasks one context, alive while they run and canceled after the end", async () => {
    const contexts = new Set<Context>();
    const aborted: boolean[] = [];
    const task = (_item: number, context: Context): void => {
      contexts.add(context);
      aborted.push(context.aborted);
    };
    await collect(mapConcurrent(numbers(kind, 5).iterable, task, { concurrency: 2, signal: root }));
    expect(contexts.size).toBe(1);
    expect(aborted).toEqual([false, false, false, false, false]);
    expect([...contexts][0]!.aborted).toBe(true);
  });

  test("asks the source for one item at a time", async () => {
    const source = countedSource(kind, (index) =>
      index === 9 ? undefined : kind === "synchronous" ? index : root.sleep(3).then(() => index),
    );
    expect(await collect(mapConcurrent(source.iterable, (item) => item, { concurrency: 5, signal: root }))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8,
    ]);
    expect(source.mostAsking).toBe(kind === "synchronous" ? 0 : 1);
  });

  describe("next() called in parallel", () => {
    test("gives the results in the order of the calls, and the end to those beyond it", async () => {
      const results = mapConcurrent(slowFirst(), sleep, { concurrency: 2, signal: root });
      const all = Promise.all(Array.from({ length: 8 }, () => results.next()));
      await clock.advance("1h");
      expect((await all).map(({ done, value }) => (done ? "end" : value))).toEqual([
        30,
        10,
        20,
        5,
        1,
        "end",
        "end",
        "end",
      ]);
    });

    test("keeps all places busy when one late result sets several free", async () => {
      const started: number[] = [];
      const task = async (item: number, context: Context): Promise<number> => {
        started.push(item);
        await context.sleep(item === 0 ? 50 : 10);
        return item;
      };
      const results = mapConcurrent(numbers(kind, 6).iterable, task, { concurrency: 3, signal: root });
      const all = Promise.all(Array.from({ length: 6 }, () => results.next()));
      await clock.advance(40);
      expect(started).toEqual([0, 1, 2]);
      await clock.advance(10);
      expect(started).toEqual([0, 1, 2, 3, 4, 5]);
      await clock.advance(10);
      expect((await all).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5]);
      await results.return();
    });

    test("rejects only one of them when a task fails, and ends the others", async () => {
      const error = new Error("third");
      const task = async (item: number, context: Context): Promise<number> => {
        if (item < 2) return item;
        await context.sleep(5);
        throw error;
      };
      const results = mapConcurrent(numbers(kind).iterable, task, { concurrency: 2, signal: root });
      const calls = Array.from({ length: 6 }, () => observe(results.next()));
      await clock.advance(5);
      expect(calls.map(({ outcome }) => outcome.status)).toEqual([
        "fulfilled",
        "fulfilled",
        "rejected",
        "fulfilled",
        "fulfilled",
        "fulfilled",
      ]);
      expect(calls[2]!.outcome).toEqual({ status: "rejected", reason: error });
      expect(calls[5]!.outcome).toEqual({ status: "fulfilled", value: { done: true, value: undefined } });
    });
  });
});

describe("mapConcurrent", () => {
  test("takes strings, maps and generators", async () => {
    const generator = function* (): Generator<string> {
      yield "x";
      yield "y";
    };
    expect(await collect(mapConcurrent("ab", (letter) => letter, { concurrency: 2 }))).toEqual(["a", "b"]);
    expect(await collect(mapConcurrent(new Map([["k", 1]]), ([, value]) => value, { concurrency: 2 }))).toEqual([1]);
    expect(await collect(mapConcurrent(generator(), (letter) => letter, { concurrency: 2 }))).toEqual(["x", "y"]);
  });

  test("reads a source that is both through its asynchronous side", async () => {
    const both = Object.assign(numbers("synchronous", 3).iterable, numbers("asynchronous", 2).iterable);
    expect(await collect(mapConcurrent(both, (item) => item, { concurrency: 2 }))).toEqual([0, 1]);
  });

  test("reads a source whose asynchronous side is undefined through the other one", async () => {
    const source: Iterable<number> = Object.assign(
      { [Symbol.asyncIterator]: undefined },
      {
        *[Symbol.iterator]() {
          yield 7;
        },
      },
    );
    expect(await collect(mapConcurrent(source, (item) => item, { concurrency: 2 }))).toEqual([7]);
  });

  test("is its own iterator, so that it can be left and taken up again by hand", async () => {
    const results = mapConcurrent([1, 2, 3], (item) => item, { concurrency: 2 });
    expect(results[Symbol.asyncIterator]()).toBe(results);
    expect(await results.next()).toEqual({ done: false, value: 1 });
    expect(await collect(results)).toEqual([2, 3]);
  });

  test("asks an asynchronous source for the next item while the last one is worked on", async () => {
    const source = numbers("asynchronous");
    const results = mapConcurrent(source.iterable, (_item, context) => context.sleep(100), {
      concurrency: 3,
      signal: root,
    });
    const first = results.next();
    await clock.advance(1);
    expect(source.pulled).toBe(3);
    await clock.advance(99);
    await first;
    await results.return();
  });
});
