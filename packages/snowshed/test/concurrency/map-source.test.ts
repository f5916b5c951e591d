import type { Context } from "snowshed";
import { CanceledError, forEachConcurrent, mapConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { countedSource, numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe.each(sourceKinds)("a source that is %s", (kind) => {
  test("read to its end is not closed", async () => {
    const source = numbers(kind, 5);
    await forEachConcurrent(source.iterable, () => {}, { concurrency: 2 });
    expect([source.opened, source.pulled, source.closed]).toEqual([1, 5, 0]);
  });

  test("that throws rejects with its error once the running tasks have ended, and is not closed", async () => {
    const error = new Error("the source broke");
    const source = countedSource(kind, (index) => {
      if (index === 2) throw error;
      return index;
    });
    const log: string[] = [];
    const task = async (item: number, context: Context): Promise<void> => {
      await context.sleep(100).catch(() => root.sleep(5));
      log.push(`${item} ended`);
    };
    const ended = observe(forEachConcurrent(source.iterable, task, { concurrency: 3, signal: root }));
    await clock.advance(4);
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(ended.outcome).toEqual({ status: "rejected", reason: error });
    expect(log).toEqual(["0 ended", "1 ended"]);
    expect(source.closed).toBe(0);
  });

  test("that throws undefined has failed, too", async () => {
    const source = countedSource<number>(kind, () => {
      throw undefined;
    });
    expect(await outcome(forEachConcurrent(source.iterable, () => {}, { concurrency: 2 }))).toEqual({
      status: "rejected",
      reason: undefined,
    });
  });

  test("that cannot be opened rejects with the error", async () => {
    const key = kind === "synchronous" ? Symbol.iterator : Symbol.asyncIterator;
    const source = {
      [key]: () => {
        throw new Error("cannot open");
      },
    } as unknown as Iterable<number>;
    await expect(forEachConcurrent(source, () => {}, { concurrency: 2 })).rejects.toThrow("cannot open");
    const results = mapConcurrent(source, () => {}, { concurrency: 2 });
    await expect(results.next()).rejects.toThrow("cannot open");
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  test("whose closing fails does not hide the error that ended the run", async () => {
    const source = countedSource(kind, (index) => index);
    const key = kind === "synchronous" ? Symbol.iterator : Symbol.asyncIterator;
    const open = source.iterable[key] as () => object;
    const close = (): never => {
      throw new Error("cannot close");
    };
    const broken = { [key]: () => Object.assign(open(), { return: close }) } as unknown as Iterable<number>;
    const task = (item: number): void => {
      if (item === 2) throw new Error("the task");
    };
    await expect(forEachConcurrent(broken, task, { concurrency: 1 })).rejects.toThrow("the task");
  });

  test("is closed once when several tasks fail at the same time", async () => {
    const source = numbers(kind);
    const gate = deferred();
    const task = async (): Promise<never> => {
      await gate.promise;
      throw new Error("all of them");
    };
    const ended = observe(forEachConcurrent(source.iterable, task, { concurrency: 5 }));
    await drained();
    gate.resolve();
    await drained();
    expect(ended.outcome.status).toBe("rejected");
    expect(source.closed).toBe(1);
  });

  test("is closed when it aborts its own run while it is asked", async () => {
    const controller = new AbortController();
    const source = countedSource(kind, (index) => {
      if (index === 1) controller.abort();
      return index;
    });
    const options = { concurrency: 1, signal: controller.signal };
    const ended = await outcome(forEachConcurrent(source.iterable, () => {}, options));
    expect(ended).toEqual({ status: "rejected", reason: expect.any(CanceledError) as unknown });
    expect(source.closed).toBe(1);
  });

  test("is not asked again when it has given its end early to one worker of many", async () => {
    let asked = 0;
    const source = countedSource<number>(kind, () => {
      asked++;
      return undefined;
    });
    await forEachConcurrent(source.iterable, () => {}, { concurrency: 10 });
    expect(asked).toBe(1);
  });
});

describe("a generator as source", () => {
  test("runs its finally block before the failed run rejects", async () => {
    const log: string[] = [];
    async function* source(): AsyncGenerator<number> {
      try {
        for (let index = 0; ; index++) yield index;
      } finally {
        await root.sleep(3);
        log.push("closed");
      }
    }
    const gate = deferred();
    const task = async (): Promise<void> => {
      await gate.promise;
      throw new Error("failed");
    };
    // At full concurrency nobody is asking the source.
    const ended = observe(
      forEachConcurrent(source(), task, { concurrency: 2, signal: root }).catch(() => log.push("rejected")),
    );
    await drained();
    gate.resolve();
    await drained();
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(3);
    expect(log).toEqual(["closed", "rejected"]);
  });

  test("that aborts its own run runs its finally block", async () => {
    const controller = new AbortController();
    const log: string[] = [];
    function* source(): Generator<number> {
      try {
        yield 1;
        controller.abort();
        yield 2;
        log.push("asked again");
      } finally {
        log.push("closed");
      }
    }
    const options = { concurrency: 1, signal: controller.signal };
    await expect(forEachConcurrent(source(), () => {}, options)).rejects.toBeInstanceOf(CanceledError);
    expect(log).toEqual(["closed"]);
  });
});

describe("a source whose next() never answers", () => {
  const silentAfter = (count: number): ReturnType<typeof countedSource<number>> =>
    countedSource("asynchronous", (index) => (index < count ? index : new Promise<never>(() => {})));

  test("does not keep an aborted run from rejecting, and is closed once", async () => {
    const source = silentAfter(1);
    const context = root.withCancel();
    const ended = observe(forEachConcurrent(source.iterable, () => {}, { concurrency: 2, signal: context }));
    await drained();
    expect(ended.outcome.status).toBe("pending");
    context.cancel();
    await drained();
    expect(ended.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect(source.closed).toBe(1);
  });

  test("does not keep a failed run from rejecting: the task that runs meanwhile is waited for", async () => {
    const source = silentAfter(2);
    const task = async (item: number): Promise<void> => {
      await root.sleep(item === 0 ? 10 : 5);
      if (item === 1) throw new Error("second");
    };
    const ended = observe(forEachConcurrent(source.iterable, task, { concurrency: 3, signal: root }));
    await clock.advance(9);
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(ended.outcome).toEqual({ status: "rejected", reason: new Error("second") });
    expect(source.closed).toBe(1);
  });

  test("is the negative control: without an end of the run it is waited for", async () => {
    const ended = observe(forEachConcurrent(silentAfter(1).iterable, () => {}, { concurrency: 2 }));
    await drained();
    expect(ended.outcome.status).toBe("pending");
  });

  test("that answers or fails after the end starts no task and leaves no rejection unhandled", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    for (const late of ["answer", "failure"] as const) {
      const answer = deferred<number>();
      const source = countedSource("asynchronous", (index) => (index === 0 ? 0 : answer.promise));
      const context = root.withCancel();
      const items: number[] = [];
      const task = (item: number): number => items.push(item);
      const ended = observe(forEachConcurrent(source.iterable, task, { concurrency: 2, signal: context }));
      await drained();
      context.cancel();
      await drained();
      if (late === "answer") answer.resolve(1);
      else answer.reject(new Error("late"));
      await drained();
      await drained();
      expect(ended.outcome.status).toBe("rejected");
      expect(items).toEqual([0]);
      expect(source.closed).toBe(1);
    }
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });
});
