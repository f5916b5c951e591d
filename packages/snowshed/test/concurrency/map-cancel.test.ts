import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { CanceledError, Context, contextKey, DeadlineExceededError, forEachConcurrent, mapConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";
import { numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe.each(sourceKinds)("`signal` over a source that is %s", (kind) => {
  test("already aborted refuses: no source opened, no task run", async () => {
    const source = numbers(kind);
    const items: number[] = [];
    const task = (item: number): number => items.push(item);
    const reason = new Error("too late");
    for (const signal of [AbortSignal.abort(reason), Context.from(AbortSignal.abort(reason))]) {
      const ended = await outcome(forEachConcurrent(source.iterable, task, { concurrency: 2, signal }));
      expect(ended).toEqual({ status: "rejected", reason: expect.any(CanceledError) as unknown });
      expect((ended as { reason: CanceledError }).reason.cause).toBe(reason);
      const results = mapConcurrent(source.iterable, task, { concurrency: 2, signal });
      await expect(results.next()).rejects.toBeInstanceOf(CanceledError);
      expect(await results.next()).toEqual({ done: true, value: undefined });
    }
    expect([source.opened, items.length]).toEqual([0, 0]);
  });

  test("aborts the tasks, waits for them, starts nothing more, and rejects with the cancellation", async () => {
    const source = numbers(kind);
    const context = root.withCancel();
    const log: string[] = [];
    const task = async (item: number, own: Context): Promise<void> => {
      await own.sleep("1h").catch(() => root.sleep(5));
      log.push(`${item} ended`);
    };
    const ended = observe(forEachConcurrent(source.iterable, task, { concurrency: 2, signal: context }));
    await drained();
    context.cancel(new Error("enough"));
    await clock.advance(4);
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(ended.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect(log).toEqual(["0 ended", "1 ended"]);
    expect(source.closed).toBe(1);
  });

  test("with a deadline rejects with DeadlineExceededError", async () => {
    const context = root.withTimeout(10);
    const ended = observe(
      forEachConcurrent(numbers(kind).iterable, (_item, own) => own.sleep(3), { concurrency: 2, signal: context }),
    );
    await clock.advance(10);
    expect(ended.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
  });

  test("that aborts in the same tick as a task fails leaves what came first", async () => {
    const error = new Error("task");
    for (const first of ["task", "signal"]) {
      const context = root.withCancel();
      const task = async (): Promise<void> => {
        if (first === "signal") context.cancel();
        throw error;
      };
      const ended = await outcome(
        forEachConcurrent(numbers(kind).iterable, task, { concurrency: 1, signal: context }).finally(() =>
          context.cancel(),
        ),
      );
      expect(ended).toEqual({ status: "rejected", reason: first === "task" ? error : context.reason });
    }
  });

  test("that aborts while the last tasks run, the source being at its end, leaves the word to them", async () => {
    const context = root.withCancel();
    const ignoring = async (): Promise<void> => root.sleep(10);
    const ended = observe(forEachConcurrent(numbers(kind, 2).iterable, ignoring, { concurrency: 3, signal: context }));
    await clock.advance(1);
    context.cancel();
    await clock.advance(9);
    expect(ended.outcome).toEqual({ status: "fulfilled", value: undefined });

    const heeding = (_item: number, own: Context): Promise<void> => own.sleep(10);
    const another = root.withCancel();
    const rejected = observe(
      forEachConcurrent(numbers(kind, 2).iterable, heeding, { concurrency: 3, signal: another }),
    );
    await clock.advance(1);
    another.cancel();
    await drained();
    expect(rejected.outcome).toEqual({ status: "rejected", reason: another.reason });
  });

  test("brings its values and its clock to the tasks", async () => {
    const key = contextKey<string>("trace");
    const seen: unknown[] = [];
    const task = (_item: number, context: Context): void => {
      seen.push(context.value(key), context.clock === clock);
    };
    await forEachConcurrent(numbers(kind, 1).iterable, task, { concurrency: 1, signal: root.withValue(key, "4bf9") });
    expect(seen).toEqual(["4bf9", true]);
  });

  test("that aborts ends next() calls that wait: one rejects, the others end", async () => {
    const context = root.withCancel();
    const results = mapConcurrent(numbers(kind).iterable, (_item, own) => own.sleep("1h"), {
      concurrency: 2,
      signal: context,
    });
    const waiting = [observe(results.next()), observe(results.next())];
    await drained();
    context.cancel();
    await drained();
    expect(waiting[0]!.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect(waiting[1]!.outcome).toEqual({ status: "fulfilled", value: { done: true, value: undefined } });
  });
});

describe("a foreign AbortSignal", () => {
  test("has one listener at most, however many runs hang on it, and none once they are over", async () => {
    const { signal } = new AbortController();
    const task = (): Promise<void> => root.sleep(10);
    const options = { concurrency: 2, signal };
    const runs = Promise.all(Array.from({ length: 5 }, () => forEachConcurrent([1, 2, 3], task, options)));
    const results = mapConcurrent([1, 2, 3], task, options);
    const first = results.next();
    await drained();
    expect(listeners(signal)).toBe(1);
    await clock.advance("1m");
    await runs;
    await first;
    await results.return();
    expect(listeners(signal)).toBe(0);
  });

  test("has no listener of a map that nobody has started, nor of one left before", async () => {
    const { signal } = new AbortController();
    const results = mapConcurrent([1, 2, 3], (item) => item, { concurrency: 2, signal });
    expect(listeners(signal)).toBe(0);
    await results.return();
    expect(listeners(signal)).toBe(0);
  });

  test("has no listener after a failure, after an abort, and after a refusal at the door", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const failing = (): never => {
      throw new Error("failed");
    };
    await expect(forEachConcurrent([1], failing, { concurrency: 1, signal })).rejects.toThrow("failed");
    expect(listeners(signal)).toBe(0);
    await expect(forEachConcurrent([1], failing, { concurrency: 0, signal })).rejects.toThrow(RangeError);
    expect(listeners(signal)).toBe(0);
    const ended = outcome(forEachConcurrent([1], (_item, own) => own.sleep("1h"), { concurrency: 1, signal }));
    controller.abort();
    expect((await ended).status).toBe("rejected");
    expect(listeners(signal)).toBe(0);
  });
});

describe("AsyncLocalStorage", () => {
  test.each(sourceKinds)("of the caller is what all tasks and a source that is %s see", async (kind) => {
    const storage = new AsyncLocalStorage<string>();
    const seen = new Set<string | undefined>();
    const task = async (_item: number, context: Context): Promise<void> => {
      seen.add(storage.getStore());
      await context.sleep(1);
      seen.add(storage.getStore());
    };
    const ended = storage.run("caller", () =>
      forEachConcurrent(numbers(kind, 20).iterable, task, { concurrency: 3, signal: root }),
    );
    await storage.run("elsewhere", () => clock.advance("1m"));
    await ended;
    expect([...seen]).toEqual(["caller"]);
  });
});
