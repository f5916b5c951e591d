import type { Classification, RetryOptions } from "snowshed";
import { FatalError, retry, SnowshedError, TransientError } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { observe, outcome } from "../support/promises.ts";

useFakeTime();

const exact = { jitter: "none" } as const;

/** When each attempt of a call begins whose outcomes are these, and what becomes of the call. */
async function attemptsOf(
  outcomes: readonly unknown[],
  options: RetryOptions = {},
): Promise<{ readonly times: number[]; readonly settled: unknown }> {
  const times: number[] = [];
  const task = (_context: unknown, attempt: number): unknown => {
    times.push(clock.now());
    const next = outcomes[Math.min(attempt, outcomes.length) - 1];
    if (next instanceof Error) throw next;
    return next;
  };
  const call = observe(retry(task, { signal: root, backoff: exact, ...options }));
  await clock.advance("100h");
  return { times, settled: call.outcome };
}

const passing = new TransientError("try again");

describe("retry()", () => {
  test("makes one attempt of what succeeds, and sets no timer", async () => {
    let calls = 0;
    const task = (_context: unknown, attempt: number): string => {
      calls++;
      return `${attempt}, ${clock.pending}`;
    };
    expect([await retry(task, { signal: root }), calls]).toEqual(["1, 0", 1]);
    expect(await retry(task)).toBe("1, 0");
  });

  test("starts the task before it returns", () => {
    let started = false;
    void retry(() => {
      started = true;
    });
    expect(started).toBe(true);
  });

  test("makes 3 attempts by default, with growing waits, and rejects with the last error itself", async () => {
    const errors = [1, 2, 3, 4].map((attempt) => new TransientError(`attempt ${attempt}`));
    expect(await attemptsOf(errors)).toEqual({
      times: [0, 100, 300],
      settled: { status: "rejected", reason: errors[2] },
    });
  });

  test.each([1, 2, 3, 7, 100])("makes at most %d attempts if told so", async (attempts) => {
    const { times, settled } = await attemptsOf([passing], { attempts });
    expect(times).toHaveLength(attempts);
    expect(settled).toEqual({ status: "rejected", reason: passing });
  });

  test("goes on for as long as it takes with `attempts: Infinity`", async () => {
    const outcomes = [...Array.from({ length: 5000 }, () => passing), "at last"];
    const { times, settled } = await attemptsOf(outcomes, {
      attempts: Number.POSITIVE_INFINITY,
      backoff: { initial: 0 },
    });
    expect([times.length, settled]).toEqual([5001, { status: "fulfilled", value: "at last" }]);
  });

  test("numbers the attempts from 1 and gives all of them the caller's own context", async () => {
    const seen: unknown[] = [];
    const call = retry(
      (context, attempt) => {
        seen.push(context === root, attempt);
        throw passing;
      },
      { signal: root },
    );
    const settled = observe(call);
    await clock.advance("1m");
    expect(settled.outcome.status).toBe("rejected");
    expect(seen).toEqual([true, 1, true, 2, true, 3]);
  });

  test("stops at the first success", async () => {
    expect(await attemptsOf([passing, "answer", passing])).toEqual({
      times: [0, 100],
      settled: { status: "fulfilled", value: "answer" },
    });
  });

  test("waits in between as the backoff says", async () => {
    const backoff = { initial: "1s", maximum: "3s", jitter: "none" } as const;
    expect((await attemptsOf([passing], { attempts: 5, backoff })).times).toEqual([0, 1000, 3000, 6000, 9000]);
  });

  test("with decorrelated jitter takes the wait before into account", async () => {
    clock.random = () => 0.5;
    const backoff = { jitter: "decorrelated" } as const;
    // 100 + 0.5 · (300 − 100), then 100 + 0.5 · (3 · 200 − 100), then 100 + 0.5 · (3 · 350 − 100)
    const { times } = await attemptsOf([passing], { attempts: 4, backoff });
    expect(times).toEqual([0, 200, 550, 1125]);
  });

  test.each([
    ["transient", 3],
    ["overload", 3],
    ["fatal", 1],
    ["ignore", 1],
    // An error that its classifier takes for an answer.
    ["ok", 1],
  ] as const)("of a thrown %s error makes %d attempts", async (classification, attempts) => {
    const error = new Error("thrown");
    const { times, settled } = await attemptsOf([error], { classify: () => classification });
    expect(times).toHaveLength(attempts);
    expect(settled).toEqual({ status: "rejected", reason: error });
  });

  test.each([
    ["transient", 3],
    ["overload", 3],
    ["fatal", 1],
    ["ignore", 1],
    ["ok", 1],
  ] as const)("of a returned %s value makes %d attempts and returns it as it is", async (classification, attempts) => {
    const { times, settled } = await attemptsOf([404], { classify: () => classification });
    expect(times).toHaveLength(attempts);
    expect(settled).toEqual({ status: "fulfilled", value: 404 });
  });

  test("judges by the library's table if no other is given", async () => {
    const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    const table: readonly (readonly [unknown, number])[] = [
      [reset, 3],
      [new Error("nobody knows"), 3],
      [new FatalError("no such user"), 1],
      [new TypeError("x is not a function"), 1],
      [{ status: 503 }, 1],
      [undefined, 1],
    ];
    for (const [each, attempts] of table) expect((await attemptsOf([each])).times).toHaveLength(attempts);
  });

  test("treats what is thrown without being an error as an error", async () => {
    const thrown: unknown[] = [];
    const call = observe(
      retry(
        (_context, attempt) => {
          thrown.push(attempt);
          // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
          throw undefined;
        },
        { signal: root },
      ),
    );
    await clock.advance("1m");
    expect([thrown.length, call.outcome]).toEqual([3, { status: "rejected", reason: undefined }]);
  });

  test("never asks an open circuit breaker again: nothing was asked", async () => {
    const open = new SnowshedError("SNOWSHED_CIRCUIT_OPEN", "the circuit is open");
    const reasons: string[] = [];
    const { times } = await attemptsOf([open], { onGiveUp: ({ reason }) => reasons.push(reason) });
    expect([times, reasons]).toEqual([[0], ["circuit-open"]]);
  });

  test("accepts thenables, and a task that throws before it returns one", async () => {
    const thenable = {
      // oxlint-disable-next-line unicorn/no-thenable
      then: (resolve: (value: string) => void) => resolve("answer"),
    } as PromiseLike<string>;
    expect(await retry(() => thenable)).toBe("answer");
    expect(await outcome(retry(() => Promise.reject(new FatalError("no"))))).toMatchObject({ status: "rejected" });
  });

  test("has the type of its task", () => {
    expectTypeOf(retry(() => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(retry(async () => new Response(), { onRetry: ({ result }) => result?.status })).toEqualTypeOf<
      Promise<Response>
    >();
  });
});

describe("the events of retry()", () => {
  test("tell what failed, how it was judged, and when the next attempt begins", async () => {
    const events: unknown[] = [];
    const options: RetryOptions = {
      classify: (each) => (each as { readonly kind: Classification }).kind,
      onRetry: (event) => events.push(clock.now(), event),
      onGiveUp: (event) => events.push(clock.now(), event),
    };
    const error = Object.assign(new Error("reset"), { kind: "transient" });
    const result = { kind: "overload" };
    await attemptsOf([error, result, error], options);
    expect(events).toEqual([
      0,
      { attempt: 1, classification: "transient", error, delay: 100 },
      100,
      { attempt: 2, classification: "overload", result, delay: 200 },
      300,
      { attempts: 3, reason: "attempts", classification: "transient", error },
    ]);
  });

  test("say why there is no further attempt", async () => {
    const reasonFor = async (each: unknown, options: RetryOptions = {}): Promise<string | undefined> => {
      const reasons: string[] = [];
      await attemptsOf([each], { ...options, onGiveUp: ({ reason }) => reasons.push(reason) });
      expect(reasons.length).toBeLessThan(2);
      return reasons[0];
    };
    expect(await reasonFor(passing)).toBe("attempts");
    expect(await reasonFor(new FatalError("no"))).toBe("fatal");
    expect(await reasonFor(new TransientError("later", { retryAfter: "1h" }))).toBe("overload-too-long");
    using soon = root.withTimeout(50);
    expect(await reasonFor(passing, { signal: soon })).toBe("deadline");
    expect(await reasonFor("answer")).toBeUndefined();
    expect(await reasonFor(new Error("stopped"), { classify: () => "ignore" })).toBeUndefined();
  });

  test("whose listener throws: the error is reported as uncaught, and the call goes on", async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    try {
      const broken = new Error("the listener is broken");
      const fail = (): never => {
        throw broken;
      };
      expect(await attemptsOf([passing], { onRetry: fail, onGiveUp: fail })).toEqual({
        times: [0, 100, 300],
        settled: { status: "rejected", reason: passing },
      });
      expect(uncaught).toEqual([broken, broken, broken]);
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

describe("Retry-After", () => {
  const later = (retryAfter: number): TransientError => new TransientError("later", { retryAfter });

  test("is the least wait, and the backoff comes on top of it, so that not all come back at that moment", async () => {
    expect((await attemptsOf([later(5000)])).times).toEqual([0, 5000, 10_000]);
    clock.random = () => 0.5;
    const before = clock.now();
    const { times } = await attemptsOf([later(5000)], { backoff: {} });
    expect(times.map((time) => time - before)).toEqual([0, 5050, 10_150]);
  });

  test("shorter than a backoff without jitter changes nothing", async () => {
    expect((await attemptsOf([later(1)])).times).toEqual([0, 100, 300]);
  });

  test("of a returned response counts, too", async () => {
    const busy = { status: 503, headers: { "retry-after": "7" } };
    expect(await attemptsOf([busy, busy, "answer"])).toEqual({
      times: [0, 7000, 14_000],
      settled: { status: "fulfilled", value: "answer" },
    });
  });

  test("as a date is counted from the clock's date", async () => {
    const busy = { status: 503, headers: { "retry-after": new Date(clock.date() + 9000).toUTCString() } };
    expect((await attemptsOf([busy, "answer"])).times).toEqual([0, 9000]);
  });

  test("beyond `maxRetryAfter`, by default 30 s, ends the call: a service that says when is not asked before", async () => {
    expect((await attemptsOf([later(30_000), "answer"])).times).toEqual([0, 30_000]);
    expect((await attemptsOf([later(30_001), "answer"])).settled).toMatchObject({ status: "rejected" });
    expect((await attemptsOf([later(30_001), "answer"], { maxRetryAfter: "1m" })).settled).toMatchObject({
      status: "fulfilled",
    });
    expect((await attemptsOf([later(1), "answer"], { maxRetryAfter: 0 })).times).toHaveLength(1);
  });

  test("that would reach past the deadline ends the call at once, with the error", async () => {
    using context = root.withTimeout("10s");
    const error = later(10_000);
    expect(await attemptsOf([error, "answer"], { signal: context })).toEqual({
      times: [0],
      settled: { status: "rejected", reason: error },
    });
  });
});
