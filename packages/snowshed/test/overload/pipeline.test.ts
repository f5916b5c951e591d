import type { Context } from "snowshed";
import {
  CircuitBreaker,
  DeadlineExceededError,
  Fallback,
  FatalError,
  fixed,
  Limiter,
  pipeline,
  Pipeline,
  RetryBudget,
  TransientError,
} from "snowshed";
import { describe, expect, expectTypeOf, test, vi } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { drained, observe } from "../support/promises.ts";

useFakeTime();

/** The pipeline's timer is taken away a moment after the last call. */
const settleTimers = (): Promise<void> => clock.advance(20);

interface Followed {
  readonly value: unknown;
  readonly error: unknown;
}

/** What has become of a call by now. */
function follow(promise: PromiseLike<unknown>): Followed {
  const observed = observe(promise);
  return {
    get value(): unknown {
      return observed.outcome.status === "fulfilled" ? observed.outcome.value : undefined;
    },
    get error(): unknown {
      return observed.outcome.status === "rejected" ? observed.outcome.reason : undefined;
    },
  };
}

const never = (): Promise<never> => new Promise(() => {});

describe("what a call gives", () => {
  test("the task's value, with every piece in place", async () => {
    const all = pipeline({
      fallback: { value: () => "stand-in" },
      deadline: "8s",
      retry: 3,
      hedge: { delay: "1s" },
      breaker: {},
      limiter: {},
      timeout: "3s",
      clock,
    });
    expect(await all.run(async () => "fresh")).toBe("fresh");
    await settleTimers();
  });

  test("the task's value, with no piece at all; a task may be synchronous, throw, or return a foreign thenable", async () => {
    const bare = pipeline();
    expect(await bare.run(() => 42)).toBe(42);
    const error = new Error("thrown");
    await expect(
      bare.run(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    // oxlint-disable-next-line unicorn/no-thenable
    const thenable = { then: (resolve: (value: string) => void) => resolve("foreign") } as PromiseLike<string>;
    expect(await bare.run(() => thenable)).toBe("foreign");
  });

  test("types: the task's own, and the fallback's beside it", () => {
    const plain = pipeline();
    expectTypeOf(plain.run(async () => 1)).toEqualTypeOf<Promise<number>>();
    const guarded = pipeline<number, string>({ fallback: { value: () => "none" } });
    expectTypeOf(guarded.run(async () => 1)).toEqualTypeOf<Promise<number | string>>();
    expectTypeOf(pipeline<string>({ fallback: { value: () => "none" } })).toEqualTypeOf<Pipeline<string, string>>();
    expectTypeOf(pipeline({ fallback: { value: () => "none" } })).toEqualTypeOf<Pipeline<unknown, string>>();
  });
});

describe("order", () => {
  test("attempts are numbered, and each runs under the timeout, all of them under the deadline", async () => {
    const remaining: number[] = [];
    const guarded = pipeline({
      timeout: 100,
      deadline: 1000,
      retry: { attempts: 3, backoff: { initial: 10, jitter: "none" } },
      clock,
    });
    const seen: number[] = [];
    const outcome = follow(
      guarded.run(
        (context, attempt) => {
          seen.push(attempt);
          remaining.push(context.remaining());
          return never();
        },
        { signal: root },
      ),
    );
    await clock.advance(2000);
    expect(seen).toEqual([1, 2, 3]);
    expect(remaining).toEqual([100, 100, 100]);
    expect(outcome.error).toBeInstanceOf(DeadlineExceededError);
    expect(String(outcome.error)).toContain("attempt 3 took longer than 100 ms");
    expect(clock.now()).toBe(2000);
  });

  test("the deadline ends the whole call at once, also one that sleeps between attempts", async () => {
    const guarded = pipeline({ deadline: 50, timeout: 50, clock });
    const outcome = follow(guarded.run(never));
    await clock.advance(50);
    expect(outcome.error).toBeInstanceOf(DeadlineExceededError);
    expect(String(outcome.error)).toContain("50 ms");
    await settleTimers();
  });

  test("a wait that would end after the deadline is not begun: the last error comes at once", async () => {
    const guarded = pipeline({ deadline: 50, retry: { attempts: 5, backoff: { initial: 60, jitter: "none" } }, clock });
    const error = new TransientError("down");
    const outcome = follow(guarded.run(() => Promise.reject(error)));
    await drained();
    expect(outcome.error).toBe(error);
    await settleTimers();
  });

  test("each attempt passes the breaker; once that is open, nothing is retried", async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 2, clock });
    const guarded = pipeline({ breaker, retry: { attempts: 5, backoff: { initial: 1, jitter: "none" } }, clock });
    let calls = 0;
    const outcome = follow(
      guarded.run(() => {
        calls++;
        throw new TransientError("down");
      }),
    );
    await clock.advance(100);
    expect(calls).toBe(2);
    expect(outcome.error).toMatchObject({ code: "SNOWSHED_CIRCUIT_OPEN" });
    expect(breaker.state).toBe("open");
  });

  test("a fallback stands in for whatever came out of the rest", async () => {
    const guarded = pipeline<string>({
      fallback: new Fallback<string>({ value: (error) => String(error), clock }),
      retry: 2,
      clock,
    });
    expect(await guarded.run(() => Promise.reject(new FatalError("no")))).toContain("no");
  });
});

describe("retry", () => {
  test("a transient failure is tried again, a fatal one is not", async () => {
    const guarded = pipeline({ retry: { attempts: 3, backoff: { initial: 0 } }, clock });
    let calls = 0;
    const flaky = follow(
      guarded.run(() => {
        if (++calls < 3) throw new TransientError("again");
        return "done";
      }),
    );
    await clock.advance(10);
    expect(flaky.value).toBe("done");
    calls = 0;
    await expect(
      guarded.run(() => {
        calls++;
        throw new FatalError("never");
      }),
    ).rejects.toBeInstanceOf(FatalError);
    expect(calls).toBe(1);
  });

  test("a returned 503 is tried again, and its body is let go of; the last one is returned", async () => {
    const guarded = pipeline({ retry: { attempts: 2, backoff: { initial: 0 } }, clock });
    const responses: Response[] = [];
    const outcome = follow(
      guarded.run(async () => {
        const response = new Response("busy", { status: 503 });
        responses.push(response);
        return response;
      }),
    );
    await clock.advance(10);
    expect(responses).toHaveLength(2);
    expect(outcome.value).toBe(responses[1]);
    await expect(responses[0]!.text()).rejects.toThrow();
    expect(await responses[1]!.text()).toBe("busy");
  });

  test("the budget is shared by all calls: when it is empty, the first failure is final", async () => {
    const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 0.1, window: "10s", clock });
    const guarded = pipeline({ budget, retry: { attempts: 3, backoff: { initial: 0 } }, clock });
    let calls = 0;
    const run = (): Followed =>
      follow(
        guarded.run(() => {
          calls++;
          throw new TransientError("down");
        }),
      );
    for (let index = 0; index < 20; index++) run();
    await clock.advance(100);
    expect(calls).toBeLessThanOrEqual(21);
    expect(calls).toBeGreaterThanOrEqual(20);
  });

  test("canceling during the wait ends the call at once and leaves no timer", async () => {
    const guarded = pipeline({
      retry: { attempts: 3, backoff: { initial: "1h", jitter: "none", maximum: "1h" } },
      clock,
    });
    const caller = root.withCancel();
    const outcome = follow(guarded.run(() => Promise.reject(new TransientError("x")), { signal: caller }));
    await drained();
    expect(clock.pending).toBe(1);
    caller.cancel();
    await drained();
    expect(outcome.error).toBe(caller.reason);
    expect(clock.pending).toBe(0);
  });
});

describe("limiter", () => {
  test("a place stays taken until the body has ended, not until the caller was told", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ limiter, timeout: 10, clock });
    let end!: () => void;
    const slow = follow(guarded.run(() => new Promise<void>((resolve) => (end = resolve))));
    await clock.advance(10);
    expect(slow.error).toBeInstanceOf(DeadlineExceededError);
    expect(limiter.inflight).toBe(1);
    await expect(guarded.run(() => 1)).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    end();
    await drained();
    expect(limiter.inflight).toBe(0);
    expect(await guarded.run(() => 1)).toBe(1);
    await settleTimers();
  });

  test("queued calls run in turn; one that is canceled in the queue gives up at once", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 10, clock });
    const guarded = pipeline({ limiter, breaker: { clock }, clock });
    let end!: () => void;
    const first = guarded.run(() => new Promise<void>((resolve) => (end = resolve)));
    const caller = root.withCancel();
    const second = follow(guarded.run(() => "second", { signal: caller }));
    const third = follow(guarded.run(() => "third"));
    expect(limiter.queued).toBe(2);
    caller.cancel("gone");
    await drained();
    expect(second.error).toBe(caller.reason);
    end();
    await first;
    await drained();
    expect(third.value).toBe("third");
    expect([limiter.inflight, limiter.queued]).toEqual([0, 0]);
  });

  test("no place is lost when the task throws at once, the classifier throws, or gives nonsense", async () => {
    const limiter = new Limiter({ algorithm: fixed(2), clock });
    for (const classify of [
      () => {
        throw new Error("broken");
      },
      () => "nonsense" as "ok",
    ]) {
      const guarded = pipeline({ limiter, breaker: {}, retry: 3, classify, clock });
      // oxlint-disable-next-line no-await-in-loop
      await expect(guarded.run(() => ({}))).rejects.toMatchObject({ code: "SNOWSHED_CLASSIFIER_FAILED" });
      // oxlint-disable-next-line no-await-in-loop
      await expect(guarded.run(() => Promise.reject(new Error("x")))).rejects.toMatchObject({
        code: "SNOWSHED_CLASSIFIER_FAILED",
      });
    }
    expect(limiter.inflight).toBe(0);
  });
});

describe("hedge", () => {
  test("a second attempt begins after the delay; the first good answer wins and the other is canceled", async () => {
    const guarded = pipeline({ hedge: { delay: 100 }, clock });
    const contexts: Context[] = [];
    const outcome = follow(
      guarded.run((context, attempt) => {
        contexts.push(context);
        return attempt === 1 ? never() : "second";
      }),
    );
    await clock.advance(99);
    expect(contexts).toHaveLength(1);
    await clock.advance(1);
    expect(outcome.value).toBe("second");
    expect(contexts.map(({ aborted }) => aborted)).toEqual([true, false]);
    await settleTimers();
  });

  test("a quick answer leaves no second attempt", async () => {
    const guarded = pipeline({ hedge: { delay: 100 }, clock });
    const task = vi.fn(() => "first");
    expect(await guarded.run(task)).toBe("first");
    await clock.advance(1000);
    expect(task).toHaveBeenCalledTimes(1);
  });

  test("a transient failure starts the next at once; a fatal one ends the call and cancels the rest", async () => {
    const guarded = pipeline({ hedge: { delay: 100, attempts: 3 }, clock });
    const seen: number[] = [];
    const outcome = follow(
      guarded.run((_, attempt) => {
        seen.push(attempt);
        if (attempt === 1) throw new TransientError("quick");
        return "second";
      }),
    );
    await drained();
    expect(seen).toEqual([1, 2]);
    expect(outcome.value).toBe("second");

    let first!: Context;
    const fatal = follow(
      guarded.run((context, attempt) => {
        if (attempt === 1) {
          first = context;
          return never();
        }
        throw new FatalError("no");
      }),
    );
    await clock.advance(100);
    expect(fatal.error).toBeInstanceOf(FatalError);
    expect(first.aborted).toBe(true);
    await settleTimers();
  });

  test("hedges and retries draw on one budget", async () => {
    const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 0, clock });
    const guarded = pipeline({ hedge: { delay: 10 }, budget, clock });
    const task = vi.fn(never);
    const caller = root.withCancel();
    const outcome = follow(guarded.run(task, { signal: caller }));
    await clock.advance(1000);
    expect(task).toHaveBeenCalledTimes(1);
    caller.cancel();
    await drained();
    expect(outcome.error).toBe(caller.reason);
  });
});

describe("cancellation", () => {
  test("an aborted signal refuses without running; an abort ends the call whatever the body does", async () => {
    const guarded = pipeline({ timeout: "1s", deadline: "5s", limiter: {}, breaker: {}, clock });
    const gone = root.withCancel();
    gone.cancel();
    const task = vi.fn();
    await expect(guarded.run(task, { signal: gone })).rejects.toBe(gone.reason);
    expect(task).not.toHaveBeenCalled();

    const controller = new AbortController();
    let context!: Context;
    const outcome = follow(
      guarded.run(
        (given) => {
          context = given;
          return never();
        },
        { signal: controller.signal },
      ),
    );
    controller.abort("shutdown");
    await drained();
    expect(outcome.error).toMatchObject({ name: "AbortError", cause: "shutdown" });
    expect(context.aborted).toBe(true);
    await settleTimers();
  });

  test("after a success the context is not canceled, and hangs on its parent no more", async () => {
    const parent = root.withCancel();
    const guarded = pipeline({ timeout: "1s", deadline: "2s", clock });
    const context = await guarded.run((given) => given, { signal: parent });
    expect(context.aborted).toBe(false);
    parent.cancel();
    expect(context.aborted).toBe(false);
    await settleTimers();
  });

  test("after a failure, and after a response that is asked for again, it is: what the body has started is of no use", async () => {
    const guarded = pipeline({ timeout: "1s", retry: { attempts: 3, backoff: { initial: 0 } }, clock });
    const contexts: Context[] = [];
    const outcome = follow(
      guarded.run((context, attempt) => {
        contexts.push(context);
        if (attempt === 1) throw new TransientError("again");
        return attempt === 2 ? new Response(null, { status: 503 }) : "done";
      }),
    );
    await clock.advance(20);
    expect(outcome.value).toBe("done");
    expect(contexts.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  });

  test("the timeout of a body that ignores it: its late failure is nobody's unhandled rejection", async () => {
    const guarded = pipeline({ timeout: 10, clock });
    let fail!: (error: Error) => void;
    const outcome = follow(guarded.run(() => new Promise((_, reject) => (fail = reject))));
    await clock.advance(10);
    expect(outcome.error).toBeInstanceOf(DeadlineExceededError);
    fail(new Error("late"));
    await drained();
  });
});

describe("refused when it is built", () => {
  const impossible: readonly (readonly [string, object, RegExp])[] = [
    [
      "a timeout above the deadline",
      { timeout: "3s", deadline: "2s" },
      /timeout must be at most the deadline \(2000 ms\)/,
    ],
    ["a hedge after the timeout", { hedge: { delay: "2s" }, timeout: "1s" }, /hedge.delay must be at most the timeout/],
    [
      "a hedge after the deadline",
      { hedge: { delay: "2s" }, deadline: "1s" },
      /hedge.delay must be at most the deadline/,
    ],
    ["a hedge of one", { hedge: { delay: "1s", attempts: 1 } }, /hedge.attempts/],
    ["a hedge without a delay", { hedge: {} }, /hedge.delay/],
    ["a budget for nothing", { budget: new RetryBudget() }, /budget must be left out/],
    ["a deadline of nothing", { deadline: 0 }, /deadline must be longer than 0/],
    ["a timeout that is no time", { timeout: "soon" }, /timeout/],
    ["no attempt at all", { retry: 0 }, /attempts/],
    ["a misspelt piece", { retries: 3 }, /retries/],
    ["a classifier that is none", { classify: "ok" }, /classify/],
  ];
  test.each(impossible)("%s", (_, options, message) => {
    let error: unknown;
    try {
      pipeline(options);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(String(error)).toMatch(message);
  });

  test("what is just possible is not", () => {
    expect(pipeline({ timeout: "2s", deadline: "2s", hedge: { delay: "2s" } })).toBeInstanceOf(Pipeline);
  });

  test("a task that is none is refused without touching the pieces", () => {
    const guarded = pipeline({ limiter: {}, breaker: {}, clock });
    expect(() => guarded.run("x" as never)).toThrow(TypeError);
    expect(guarded.limiter?.inflight).toBe(0);
  });
});
