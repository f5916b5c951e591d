import { AsyncLocalStorage } from "node:async_hooks";
import { batch, Context, contextKey } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { drained, observe } from "../support/promises.ts";
import { numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** Moves the clock until `promise` must have settled. */
async function finished<T>(promise: Promise<T>): Promise<T> {
  const settled = observe(promise);
  await clock.advance("1h");
  expect(settled.outcome.status).not.toBe("pending");
  return promise;
}

describe("batch", () => {
  test("reports every call in the order of the inputs, whatever ends first", async () => {
    const error = new Error("no luck");
    const call = async (ms: number, context: Context): Promise<string> => {
      await context.sleep(ms);
      if (ms === 20) throw error;
      return `after ${ms}`;
    };
    const report = await finished(batch([30, 10, 20], call, { signal: root }));
    expect(report).toEqual({
      outcomes: [
        { input: 30, status: "ok", value: "after 30", attempts: 1, duration: 30 },
        { input: 10, status: "ok", value: "after 10", attempts: 1, duration: 10 },
        { input: 20, status: "failed", error, attempts: 1, duration: 20 },
      ],
      degraded: false,
      stats: { total: 3, ok: 2, failed: 1, fallback: 0, skipped: 0, timedOut: 0, retried: 0, elapsed: 30 },
    });
  });

  test("reports nothing for no inputs", async () => {
    const none = { total: 0, ok: 0, failed: 0, fallback: 0, skipped: 0, timedOut: 0, retried: 0, elapsed: 0 };
    const fallback = { value: () => 1 };
    const expected = { outcomes: [], degraded: false, stats: none };
    expect(await batch([], () => 1, { signal: root, fallback })).toEqual(expected);
    expect(await batch(numbers("asynchronous", 0).iterable, () => 1, { signal: root })).toEqual(expected);
  });

  test("lets no failure stop the rest, also when all fail, and one way or another", async () => {
    const ways = [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      () => {
        throw undefined;
      },
      () => Promise.reject(null),
    ];
    const report = await batch([0, 1, 2, 3], (way) => ways[way]!(), { concurrency: 1 });
    expect(report.outcomes.map(({ status, error }) => [status, error])).toEqual([
      ["failed", new Error("thrown")],
      ["failed", new Error("rejected")],
      ["failed", undefined],
      ["failed", null],
    ]);
    expect(report.stats).toMatchObject({ total: 4, failed: 4, ok: 0 });
  });

  test("keeps values of undefined, null and false, in outcomes that are ok", async () => {
    const values = [undefined, null, false, 0, ""];
    const { outcomes } = await batch(values, (value) => value);
    expect(outcomes.map(({ status, value }) => [status, value])).toEqual(values.map((value) => ["ok", value]));
    expect(outcomes.every((outcome) => "value" in outcome && !("error" in outcome))).toBe(true);
  });

  test("takes sets, generators, strings and asynchronous sources", async () => {
    const double = (item: number): number => item * 2;
    const values = async (inputs: Iterable<number> | AsyncIterable<number>): Promise<unknown[]> =>
      (await batch(inputs, double)).outcomes.map(({ value }) => value);
    expect(await values(new Set([1, 2, 2, 3]))).toEqual([2, 4, 6]);
    expect(await values(numbers("synchronous", 3).iterable)).toEqual([0, 2, 4]);
    expect(await values(numbers("asynchronous", 3).iterable)).toEqual([0, 2, 4]);
    expect((await batch("ab", (letter) => letter)).outcomes.map(({ input }) => input)).toEqual(["a", "b"]);
  });

  test("reports equal inputs each on its own", async () => {
    let call = 0;
    const { outcomes } = await batch(["same", "same"], () => call++);
    expect(outcomes.map(({ value }) => value)).toEqual([0, 1]);
  });

  test("makes 10 calls at a time unless told otherwise", async () => {
    for (const [concurrency, expected] of [
      [undefined, 10],
      [1, 1],
      [7, 7],
      [Infinity, 30],
    ] as const) {
      let alive = 0;
      let most = 0;
      const call = async (_input: number, context: Context): Promise<void> => {
        most = Math.max(most, ++alive);
        await context.sleep(5);
        alive--;
      };
      await finished(
        batch(
          Array.from({ length: 30 }, (_, index) => index),
          call,
          { signal: root, concurrency },
        ),
      );
      expect(most).toBe(expected);
    }
  });

  test("gives each attempt the input and a context of its own, that ends with it", async () => {
    const contexts: Context[] = [];
    const call = (...given: [string, Context]): void => {
      expect(given).toEqual(["input", expect.any(Context)]);
      expect(given[1].aborted).toBe(false);
      contexts.push(given[1]);
      if (contexts.length === 1) throw new Error("again");
    };
    const key = contextKey<string>("trace");
    await finished(batch(["input"], call, { signal: root.withValue(key, "4bf9"), retry: 1, timeout: "3s" }));
    expect(new Set(contexts).size).toBe(2);
    expect(contexts.map((context) => [context.aborted, context.value(key)])).toEqual([
      [true, "4bf9"],
      [true, "4bf9"],
    ]);
  });

  test("does not touch what a call leaves behind: the first attempt's late result does not count", async () => {
    let attempt = 0;
    const call = async (): Promise<string> => {
      const mine = ++attempt;
      // Ignores its signal.
      await root.sleep(mine === 1 ? 50 : 1);
      return `attempt ${mine}`;
    };
    const report = await finished(batch(["input"], call, { signal: root, timeout: 10, retry: 1 }));
    expect(report.outcomes[0]).toMatchObject({ status: "ok", value: "attempt 2", attempts: 2 });
  });

  test("measures each call from its start to its outcome, and the batch as a whole", async () => {
    await clock.advance(1000);
    const call = (_input: number, context: Context): Promise<void> => context.sleep(100);
    const report = await finished(batch([1, 2, 3], call, { signal: root, concurrency: 1 }));
    expect(report.outcomes.map(({ duration }) => duration)).toEqual([100, 100, 100]);
    expect(report.stats.elapsed).toBe(300);
  });

  test("takes its clock from `clock`, also next to an AbortSignal, and from a Context before that", async () => {
    const hang = (_input: number, context: Context): Promise<void> => context.sleep("1h");
    const { signal } = new AbortController();
    for (const options of [{ clock }, { clock, signal }]) {
      const report = await finished(batch([1], hang, { ...options, deadline: 70 }));
      expect(report.stats.elapsed).toBe(70);
    }
    const other = new FakeClock();
    const report = await finished(batch([1], hang, { clock: other, signal: root, deadline: 70 }));
    expect([report.stats.elapsed, other.pending]).toEqual([70, 0]);
  });

  test("with `clock` and an AbortSignal still ends at the signal's abort", async () => {
    const controller = new AbortController();
    const hang = (_input: number, context: Context): Promise<void> => context.sleep("1h");
    const report = batch([1], hang, { clock, signal: controller.signal });
    await clock.advance(5);
    controller.abort();
    expect((await report).stats).toMatchObject({ failed: 1, elapsed: 5 });
  });

  test.each(sourceKinds)("shows its calls the caller's AsyncLocalStorage, over a source that is %s", async (kind) => {
    const storage = new AsyncLocalStorage<string>();
    const seen = new Set<string | undefined>();
    const look = (): undefined => void seen.add(storage.getStore());
    const call = async (input: number, context: Context): Promise<void> => {
      look();
      await context.sleep(input === 0 ? "1h" : 1);
      look();
      throw new Error("failed");
    };
    const report = storage.run("caller", () =>
      batch(numbers(kind, 9).iterable, call, {
        signal: root,
        concurrency: 2,
        deadline: "8s",
        timeout: "3s",
        retry: { attempts: 2, retryable: () => look() === undefined, retryAfter: look },
        onSettled: look,
        fallback: { value: look },
      }),
    );
    await storage.run("elsewhere", () => clock.advance("10s"));
    await report;
    expect([...seen]).toEqual(["caller"]);
  });

  test("leaves no rejection unhandled when calls that were given up fail later", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    const call = async (): Promise<never> => {
      await root.sleep(500);
      throw new Error("late");
    };
    const report = await finished(batch([1, 2, 3], call, { signal: root, deadline: 100, timeout: 50, concurrency: 2 }));
    await clock.advance(5000);
    await drained();
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
    expect(report.stats).toMatchObject({ failed: 2, skipped: 1 });
  });
});

describe("the process", () => {
  const program = (options: string): string => `
    import { batch } from "snowshed";
    const report = await batch([1], () => new Promise(() => {}), ${options});
    console.log(report.outcomes[0].status, report.outcomes[0].error.name);`;

  test.each(["{ deadline: 20 }", "{ timeout: 20 }"])("lives until the report is there with %s", async (options) => {
    expect(await runModule(program(options))).toMatchObject({ code: 0, stdout: "failed TimeoutError\n" });
  });

  test("does not live on until a deadline that is no longer needed", async () => {
    const code = `
      import { batch } from "snowshed";
      const report = await batch([1], () => 1, { deadline: "1h", timeout: "1h", retry: 1 });
      console.log(report.stats.ok);`;
    expect(await runModule(code)).toMatchObject({ code: 0, stdout: "1\n" });
  });
});
