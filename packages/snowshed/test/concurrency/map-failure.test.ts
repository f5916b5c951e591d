import type { Context } from "snowshed";
import { CanceledError, forEachConcurrent, mapConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** Both functions, driven to their end in the same way. */
const runners = {
  forEachConcurrent,
  async mapConcurrent(...[source, task, options]: Parameters<typeof forEachConcurrent<number>>): Promise<void> {
    for await (const _result of mapConcurrent(source, task, options));
  },
};
type Runner = keyof typeof runners;

describe.each(sourceKinds)("a task that fails, over a source that is %s,", (kind) => {
  describe.each(Object.keys(runners) as Runner[])("in %s", (runner) => {
    const run = runners[runner];

    test("rejects with the first error by time, not by order", async () => {
      const task = async (item: number, context: Context): Promise<never> => {
        await context.withoutCancel().sleep(item === 0 ? 20 : 5);
        throw new Error(`item ${item}`);
      };
      const ended = observe(run(numbers(kind, 2).iterable, task, { concurrency: 2, signal: root }));
      await clock.advance(20);
      expect(ended.outcome).toEqual({ status: "rejected", reason: new Error("item 1") });
    });

    test("cancels its siblings with the error as the cause, and starts nothing more", async () => {
      const error = new Error("first");
      const causes: unknown[] = [];
      const started: number[] = [];
      const task = async (item: number, context: Context): Promise<void> => {
        started.push(item);
        if (item === 1) {
          await context.sleep(5);
          throw error;
        }
        await context.sleep(100).catch((reason: unknown) => causes.push(reason, context.cause));
      };
      const ended = observe(run(numbers(kind).iterable, task, { concurrency: 3, signal: root }));
      await clock.advance(5);
      expect(ended.outcome).toEqual({ status: "rejected", reason: error });
      expect(causes).toEqual([expect.any(CanceledError), error, expect.any(CanceledError), error]);
      expect((causes[0] as CanceledError).cause).toBe(error);
      expect(started).toEqual([0, 1, 2]);
    });

    test("rejects only after every sibling has ended, where p-map does before", async () => {
      const sibling = deferred();
      const log: string[] = [];
      const task = async (item: number): Promise<void> => {
        if (item === 1) throw new Error("first");
        await sibling.promise;
        log.push("sibling ended");
      };
      const ended = observe(
        run(numbers(kind, 2).iterable, task, { concurrency: 2 }).catch(() => {
          log.push("rejected");
        }),
      );
      await drained();
      expect(ended.outcome.status).toBe("pending");
      sibling.resolve();
      await drained();
      expect(log).toEqual(["sibling ended", "rejected"]);
    });

    test("closes the source once", async () => {
      const source = numbers(kind);
      const task = (item: number): void => {
        if (item === 3) throw new Error("third");
      };
      await expect(run(source.iterable, task, { concurrency: 2 })).rejects.toThrow("third");
      expect([source.opened, source.closed]).toEqual([1, 1]);
    });

    test("and whose siblings fail of the cancellation leaves the first error", async () => {
      const task = async (item: number, context: Context): Promise<void> => {
        if (item === 2) throw new Error("the cause");
        await context.sleep("1h");
      };
      const ended = outcome(run(numbers(kind, 3).iterable, task, { concurrency: 3, signal: root }));
      expect(await ended).toEqual({ status: "rejected", reason: new Error("the cause") });
    });

    test.each([undefined, null, false, 0, ""])("fails with %j like with any other error", async (thrown) => {
      const task = (item: number): void => {
        if (item === 1) throw thrown;
      };
      expect(await outcome(run(numbers(kind, 3).iterable, task, { concurrency: 1 }))).toEqual({
        status: "rejected",
        reason: thrown,
      });
      const rejecting = (): Promise<never> => Promise.reject(thrown);
      expect(await outcome(run(numbers(kind, 3).iterable, rejecting, { concurrency: 3 }))).toEqual({
        status: "rejected",
        reason: thrown,
      });
    });

    test("leaves no rejection unhandled, although all fail", async () => {
      const unhandled: unknown[] = [];
      const listener = (reason: unknown): void => void unhandled.push(reason);
      process.on("unhandledRejection", listener);
      const task = async (item: number): Promise<never> => {
        await drained();
        throw new Error(`item ${item}`);
      };
      await outcome(run(numbers(kind, 5).iterable, task, { concurrency: 5 }).catch(() => {}));
      await drained();
      await drained();
      process.off("unhandledRejection", listener);
      expect(unhandled).toEqual([]);
    });
  });

  test("in mapConcurrent drops the results that nobody has taken, and then says that it is over", async () => {
    const task = async (item: number, context: Context): Promise<number> => {
      if (item < 2) return item;
      await context.sleep(5);
      throw new Error("third");
    };
    const results = mapConcurrent(numbers(kind).iterable, task, { concurrency: 3, signal: root });
    expect(await results.next()).toEqual({ done: false, value: 0 });
    await clock.advance(5);
    expect(await outcome(results.next())).toEqual({ status: "rejected", reason: new Error("third") });
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test("in mapConcurrent while a next() waits for an earlier result rejects that next()", async () => {
    const task = async (item: number, context: Context): Promise<number> => {
      await context.sleep(item === 0 ? 100 : 5);
      if (item === 1) throw new Error("second");
      return item;
    };
    const results = mapConcurrent(numbers(kind).iterable, task, { concurrency: 3, signal: root });
    const waiting = observe(results.next());
    await clock.advance(5);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new Error("second") });
  });
});

describe("the negative control of `rejects only after every sibling has ended`", () => {
  /** What p-map does: rejects with the first error, at once. */
  async function rejectsAtOnce(task: (item: number) => Promise<void>): Promise<void> {
    await Promise.all([0, 1].map(task));
  }

  test("shows that the check sees a run that rejects before", async () => {
    const sibling = deferred();
    const task = async (item: number): Promise<void> => {
      if (item === 0) throw new Error("first");
      await sibling.promise;
    };
    const ended = observe(rejectsAtOnce(task));
    await drained();
    expect(ended.outcome.status).toBe("rejected");
    sibling.resolve();
  });
});
