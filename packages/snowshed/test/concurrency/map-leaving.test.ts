import type { Context } from "snowshed";
import { CanceledError, mapConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";
import { countedSource, numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** Tasks that take 10 ms and end, orderly, at their cancellation; `log` shows what they saw. */
function tasks(): { readonly log: string[]; readonly task: (item: number, context: Context) => Promise<number> } {
  const log: string[] = [];
  const task = async (item: number, context: Context): Promise<number> => {
    try {
      await context.sleep(item === 0 ? 1 : 10);
      return item;
    } catch (error) {
      // Cleaning up takes time of its own.
      await root.sleep(5);
      log.push(`${item}:${(error as Error).name}`);
      throw error;
    }
  };
  return { log, task };
}

describe.each(sourceKinds)("leaving the loop over a source that is %s", (kind) => {
  describe.each([
    [
      "break",
      async (results: AsyncIterable<number>) => {
        for await (const result of results) if (result === 0) break;
      },
    ],
    [
      "return",
      async (results: AsyncIterable<number>) => {
        for await (const result of results) if (result === 0) return;
      },
    ],
    [
      "return()",
      async (results: AsyncGenerator<number, void, void>) => {
        await results.next();
        await results.return();
      },
    ],
    [
      "asyncDispose",
      async (results: AsyncGenerator<number, void, void>) => {
        await results.next();
        await results[Symbol.asyncDispose]();
      },
    ],
  ] as const)("by %s", (_name, leave) => {
    test("cancels the tasks, waits for them, and closes the source once", async () => {
      const source = numbers(kind);
      const { log, task } = tasks();
      const results = mapConcurrent(source.iterable, task, { concurrency: 3, signal: root });
      const left = observe(leave(results));
      await clock.advance(1);
      expect(log).toEqual([]);
      expect(left.outcome.status).toBe("pending");
      await clock.advance(5);
      expect(log.every((line) => line.endsWith(":AbortError"))).toBe(true);
      // One more was started where the source answers at once, instead of being asked.
      expect(log).toHaveLength(kind === "synchronous" ? 3 : 2);
      expect(left.outcome.status).toBe("fulfilled");
      expect([source.opened, source.closed]).toEqual([1, 1]);
      expect(await results.next()).toEqual({ done: true, value: undefined });
      expect(source.closed).toBe(1);
    });
  });

  test("by throwing passes the error on after the tasks have ended", async () => {
    const source = numbers(kind);
    const { log, task } = tasks();
    const error = new Error("in the loop's body");
    const left = observe(
      (async () => {
        const results = mapConcurrent(source.iterable, task, { concurrency: 3, signal: root });
        for await (const result of results) if (result === 0) throw error;
      })(),
    );
    await clock.advance(1);
    expect(left.outcome.status).toBe("pending");
    await clock.advance(5);
    expect(left.outcome).toEqual({ status: "rejected", reason: error });
    expect(log).toHaveLength(kind === "synchronous" ? 3 : 2);
    expect(source.closed).toBe(1);
  });

  test("by throw() rejects with what was given, after the tasks have ended", async () => {
    const source = numbers(kind);
    const { log, task } = tasks();
    const results = mapConcurrent(source.iterable, task, { concurrency: 2, signal: root });
    const first = results.next();
    await clock.advance(1);
    await first;
    const error = new Error("given");
    const thrown = observe(results.throw(error));
    await drained();
    expect(thrown.outcome.status).toBe("pending");
    await clock.advance(5);
    expect(thrown.outcome).toEqual({ status: "rejected", reason: error });
    expect(log.length).toBeGreaterThan(0);
    expect(source.closed).toBe(1);
  });

  test("before the first next() opens nothing, by return() and by throw()", async () => {
    const source = numbers(kind);
    expect(await mapConcurrent(source.iterable, (item) => item, { concurrency: 2 }).return()).toEqual({
      done: true,
      value: undefined,
    });
    const results = mapConcurrent(source.iterable, (item) => item, { concurrency: 2 });
    expect(await outcome(results.throw("given"))).toEqual({ status: "rejected", reason: "given" });
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect([source.opened, source.closed]).toEqual([0, 0]);
  });

  test("several times at once closes the source once and waits each time", async () => {
    const source = numbers(kind);
    const { task } = tasks();
    const results = mapConcurrent(source.iterable, task, { concurrency: 3, signal: root });
    const first = results.next();
    await clock.advance(1);
    await first;
    const left = [observe(results.return()), observe(results[Symbol.asyncDispose]()), observe(results.return())];
    await drained();
    expect(left.map((each) => each.outcome.status)).toEqual(["pending", "pending", "pending"]);
    await clock.advance(5);
    expect(left.map((each) => each.outcome.status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(source.closed).toBe(1);
  });

  test("after the end does nothing: a source read to its end is not closed", async () => {
    const source = numbers(kind, 1);
    const results = mapConcurrent(source.iterable, (item) => item, { concurrency: 2 });
    await results.next();
    await results.next();
    expect(await results.return()).toEqual({ done: true, value: undefined });
    expect(source.closed).toBe(0);
  });

  test("ends next() calls that wait", async () => {
    const results = mapConcurrent(numbers(kind).iterable, (_item, context) => context.sleep(10), {
      concurrency: 2,
      signal: root,
    });
    const waiting = [observe(results.next()), observe(results.next())];
    await drained();
    await results.return();
    await drained();
    for (const { outcome } of waiting) {
      expect(outcome).toEqual({ status: "fulfilled", value: { done: true, value: undefined } });
    }
  });

  test("drops a task's failure that no next() had been told of, before and after", async () => {
    const failing = async (item: number, context: Context): Promise<number> => {
      if (item === 0) return item;
      if (item === 1) throw new Error("before");
      try {
        await context.sleep(1000);
      } catch {
        throw new Error("after");
      }
      return item;
    };
    for (const pause of [false, true]) {
      const results = mapConcurrent(numbers(kind).iterable, failing, { concurrency: 3, signal: root });
      expect(await results.next()).toEqual({ done: false, value: 0 });
      if (pause) await drained();
      expect(await results.return()).toEqual({ done: true, value: undefined });
      expect(await results.next()).toEqual({ done: true, value: undefined });
    }
  });

  test("cancels with a CanceledError", async () => {
    const reasons: unknown[] = [];
    const results = mapConcurrent(
      numbers(kind).iterable,
      (item, context) => {
        context.onAbort((reason) => reasons.push(reason));
        return item;
      },
      { concurrency: 1 },
    );
    await results.next();
    await results.return();
    await drained();
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.every((reason) => reason instanceof CanceledError)).toBe(true);
  });

  test("rejects when the source cannot be closed: the error is not silent", async () => {
    const error = new Error("cannot close");
    const source = countedSource(kind, (index) => index);
    const iterable = withReturn(source.iterable, () => {
      throw error;
    });
    const results = mapConcurrent(iterable, (item) => item, { concurrency: 1 });
    await results.next();
    // The next result waits to be taken, so nobody is asking the source.
    await drained();
    expect(await outcome(results.return())).toEqual({ status: "rejected", reason: error });
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });
});

test("leaving while an asynchronous source never answers does not wait for it, but closes it", async () => {
  const source = countedSource("asynchronous", (index) => (index === 0 ? 0 : new Promise<never>(() => {})));
  const results = mapConcurrent(source.iterable, (item) => item, { concurrency: 2 });
  expect(await results.next()).toEqual({ done: false, value: 0 });
  await drained();
  expect(source.asking).toBe(1);
  expect(await outcome(results.return())).toEqual({ status: "fulfilled", value: { done: true, value: undefined } });
  expect(source.closed).toBe(1);
});

test("leaving a source without return() is no error", async () => {
  const source: Iterable<number> = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }) };
  const results = mapConcurrent(source, (item) => item, { concurrency: 2 });
  await results.next();
  expect(await outcome(results.return())).toEqual({ status: "fulfilled", value: { done: true, value: undefined } });
});

/** The same source with another `return()`. */
function withReturn<Item>(
  source: Iterable<Item> & AsyncIterable<Item>,
  close: () => never,
): Iterable<Item> & AsyncIterable<Item> {
  const key = Symbol.asyncIterator in source ? Symbol.asyncIterator : Symbol.iterator;
  const iterator = (): object => Object.assign((source[key] as () => object)(), { return: close });
  return { [key]: iterator } as unknown as Iterable<Item> & AsyncIterable<Item>;
}
