// What a user's code can do to a pipeline from inside and from outside, and what came out of trying.
import type { Clock, Context, GiveUpEvent, LimitAlgorithm, OutcomeWindow, PipelineOptions } from "snowshed";
import {
  CircuitBreaker,
  DeadlineExceededError,
  FatalError,
  fixed,
  Limiter,
  pipeline,
  RetryBudget,
  TransientError,
} from "snowshed";
import { describe, expect, test, vi } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { drained, observe } from "../support/promises.ts";

useFakeTime();

/** The pipeline's timer is taken away a moment after the last call. */
const settleTimers = (): Promise<void> => clock.advance(20);
const never = (): Promise<never> => new Promise(() => {});
const quick = { attempts: 3, backoff: { initial: 10, jitter: "none" } } as const;

describe("options", () => {
  test("frozen ones, and ones made of getters, which are read once", async () => {
    const reads = new Map<string, number>();
    const given: PipelineOptions = {
      deadline: 1000,
      retry: 2,
      hedge: { delay: 50 },
      breaker: {},
      limiter: {},
      timeout: 100,
      budget: new RetryBudget({ clock }),
      clock,
    };
    const options = {};
    for (const [name, value] of Object.entries(given)) {
      Object.defineProperty(options, name, {
        enumerable: true,
        get: () => {
          reads.set(name, (reads.get(name) ?? 0) + 1);
          return value as unknown;
        },
      });
    }
    expect(await pipeline(Object.freeze(options)).run(() => 1)).toBe(1);
    expect(Object.fromEntries(reads)).toEqual(Object.fromEntries(Object.keys(given).map((name) => [name, 1])));
    await settleTimers();
  });

  test("one that throws when it is read: that error", () => {
    const options = {
      get retry(): number {
        throw new Error("no answer");
      },
    };
    expect(() => pipeline(options)).toThrow("no answer");
  });

  test.each([
    ["limiter", 10],
    ["limiter", null],
    ["breaker", true],
    ["breaker", "prices"],
    ["retry", "3"],
    ["retry", null],
    ["hedge", null],
    ["hedge", "100ms"],
    ["fallback", () => "stand-in"],
    ["budget", { ratio: 0.1 }],
  ])("%s: %s is no piece: not one with nothing but defaults", (name, value) => {
    let error: unknown;
    try {
      pipeline({ retry: 2, [name]: value });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect(String(error)).toContain(name);
  });

  test.each([false, true])("a priority that is none is refused before anything is taken (plain: %s)", async (plain) => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, openFor: 100, clock });
    const guarded = pipeline({ breaker, limiter: {}, ...(plain ? {} : { deadline: "1h" }), clock });
    await expect(guarded.run(() => Promise.reject(new TransientError()))).rejects.toThrow();
    await clock.advance(100);
    expect(() => guarded.run(() => 1, { priority: "urgent" as "high" })).toThrow(TypeError);
    // The one place of the half-open breaker is still free.
    expect(await guarded.run(() => 1)).toBe(1);
    await settleTimers();
  });
});

describe("classify", () => {
  test.each([false, true])("one that throws once costs one call (plain: %s)", async (plain) => {
    const classify = vi.fn((): "ok" => "ok");
    classify.mockImplementationOnce(() => {
      throw new Error("broken once");
    });
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ limiter, classify, retry: quick, ...(plain ? {} : { timeout: 100 }), clock });
    const task = vi.fn(() => ({}));
    await expect(guarded.run(task)).rejects.toMatchObject({ code: "SNOWSHED_CLASSIFIER_FAILED" });
    expect(task).toHaveBeenCalledTimes(1);
    await guarded.run(task);
    expect(limiter.inflight).toBe(0);
    await settleTimers();
  });

  test("one that aborts the call: the cancellation, and nothing is given back twice", async () => {
    const caller = root.withCancel();
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({
      limiter,
      breaker: {},
      timeout: 100,
      classify: () => {
        caller.cancel();
        return "ok";
      },
      clock,
    });
    const call = observe(guarded.run(() => ({}), { signal: caller }));
    await drained();
    expect(call.outcome).toMatchObject({ status: "rejected", reason: caller.reason });
    expect(limiter.inflight).toBe(0);
    await settleTimers();
  });
});

describe("the task", () => {
  test("runs the same pipeline at limit 1: refused, not a deadlock", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1) }, clock });
    await expect(guarded.run(() => guarded.run(() => 1))).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    expect(guarded.limiter?.inflight).toBe(0);
  });

  test("does so where there is a queue: the deadline ends both, and all places come back", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1), maxQueue: 5 }, deadline: 100, clock });
    const call = observe(guarded.run((context) => guarded.run(() => 1, { signal: context })));
    await clock.advance(100);
    expect(call.outcome).toMatchObject({ status: "rejected" });
    expect([guarded.limiter?.inflight, guarded.limiter?.queued]).toEqual([0, 0]);
    await settleTimers();
  });

  test.each<readonly [string, PipelineOptions]>([
    ["bare", {}],
    ["with every piece", { deadline: 1000, retry: 3, hedge: { delay: 10 }, breaker: {}, timeout: 100 }],
  ])("aborts its own signal and returns: canceled (%s)", async (_, options) => {
    const controller = new AbortController();
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ ...options, limiter, clock });
    const call = observe(
      guarded.run(
        () => {
          controller.abort("enough");
          return "value";
        },
        { signal: controller.signal },
      ),
    );
    await drained();
    expect(call.outcome).toMatchObject({ status: "rejected", reason: { name: "AbortError", cause: "enough" } });
    expect(limiter.inflight).toBe(0);
    await settleTimers();
  });

  test.each([false, true])(
    "returns something whose `then` throws: an error like another (plain: %s)",
    async (plain) => {
      const limiter = new Limiter({ algorithm: fixed(1), clock });
      const guarded = pipeline({ limiter, breaker: {}, ...(plain ? {} : { timeout: 100, deadline: 1000 }), clock });
      const hostile = {
        // oxlint-disable-next-line unicorn/no-thenable
        get then(): never {
          throw new FatalError("then");
        },
      };
      await expect(guarded.run(() => hostile)).rejects.toThrow("then");
      expect(limiter.inflight).toBe(0);
      await settleTimers();
    },
  );

  test.each([false, true])("returns a promise that calls back twice: it ends once (plain: %s)", async (plain) => {
    class Twice extends Promise<string> {
      // oxlint-disable-next-line unicorn/no-thenable
      override then(onFulfilled?: ((value: string) => unknown) | null): Promise<never> {
        onFulfilled?.("once");
        onFulfilled?.("twice");
        return never();
      }
    }
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ limiter, ...(plain ? {} : { timeout: 100 }), clock });
    expect(await guarded.run(() => new Twice(() => {}))).toBe("once");
    expect(limiter.inflight).toBe(0);
    await settleTimers();
  });
});

describe("listeners", () => {
  test("an onRetry that aborts: canceled at once, no wait is begun, the response is let go of", async () => {
    const caller = root.withCancel();
    const guarded = pipeline({ retry: { ...quick, onRetry: () => caller.cancel("enough") }, clock });
    const response = new Response("busy", { status: 503 });
    const call = observe(guarded.run(() => response, { signal: caller }));
    await drained();
    expect(call.outcome).toMatchObject({ status: "rejected", reason: caller.reason });
    expect(clock.pending).toBe(0);
    await expect(response.text()).rejects.toThrow();
  });

  test.each([false, true])("onGiveUp is told of a returned 404, as by retry() (plain: %s)", async (plain) => {
    const events: GiveUpEvent[] = [];
    const guarded = pipeline({
      retry: { ...quick, onGiveUp: (event) => events.push(event) },
      ...(plain ? {} : { timeout: 100 }),
      clock,
    });
    const response = new Response(null, { status: 404 });
    expect(await guarded.run(() => response)).toBe(response);
    expect(events).toEqual([{ attempts: 1, reason: "fatal", classification: "fatal", result: response }]);
    await settleTimers();
  });

  test("a fallback that throws: both errors", async () => {
    const [first, second] = [new FatalError("service"), new Error("stand-in")];
    const guarded = pipeline({
      fallback: {
        value: () => {
          throw second;
        },
      },
      deadline: 100,
      clock,
    });
    await expect(guarded.run(() => Promise.reject(first))).rejects.toMatchObject({
      code: "SNOWSHED_FALLBACK_FAILED",
      cause: { errors: [first, second] },
    });
    await settleTimers();
  });
});

describe("pieces of the user's that throw", () => {
  /** Throws at the first sample. */
  const broken = (): LimitAlgorithm => ({
    limit: 1,
    sample: vi.fn().mockImplementationOnce(() => {
      throw new Error("bad algorithm");
    }),
  });

  test.each([false, true])(
    "a limit algorithm: its error is the caller's, no place is lost (plain: %s)",
    async (plain) => {
      const breaker = new CircuitBreaker({ consecutiveFailures: 1, openFor: 100, clock });
      await expect(breaker.run(() => Promise.reject(new TransientError()))).rejects.toThrow();
      await clock.advance(100);
      const limiter = new Limiter({ algorithm: broken(), clock });
      const guarded = pipeline({ breaker, limiter, ...(plain ? {} : { timeout: 100 }), clock });
      await expect(guarded.run(async () => 1)).rejects.toThrow("bad algorithm");
      expect(limiter.inflight).toBe(0);
      // Nor is the place of the probe.
      expect(await guarded.run(async () => 2)).toBe(2);
      await settleTimers();
    },
  );

  test("a window: its error is the caller's", async () => {
    const window: OutcomeWindow = {
      record: () => {
        throw new Error("bad window");
      },
      total: () => 0,
      failures: () => 0,
      reset: () => {},
    };
    const guarded = pipeline({ breaker: { window }, timeout: 100, clock });
    await expect(guarded.run(async () => 1)).rejects.toThrow("bad window");
    await settleTimers();
  });
});

describe("hedges", () => {
  test("one that finds no place does not end the attempt that has one", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ hedge: { delay: 10 }, limiter, clock });
    const task = vi.fn((context: Context) => context.sleep(100).then(() => "first"));
    const call = observe(guarded.run(task));
    await clock.advance(50);
    expect(limiter.shed).toBe(1);
    expect(call.outcome.status).toBe("pending");
    await clock.advance(50);
    expect(call.outcome).toMatchObject({ value: "first" });
    expect(task).toHaveBeenCalledTimes(1);
    await settleTimers();
  });

  test("one that the half-open breaker refuses does not end the probe", async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, openFor: 100, halfOpenSuccesses: 1, clock });
    const guarded = pipeline({ hedge: { delay: 10 }, breaker, clock });
    await expect(breaker.run(() => Promise.reject(new TransientError()))).rejects.toThrow();
    await clock.advance(100);
    const call = observe(guarded.run((context) => context.sleep(50).then(() => "probe")));
    await clock.advance(50);
    expect(call.outcome).toMatchObject({ value: "probe" });
    await drained();
    expect(breaker.state).toBe("closed");
    await settleTimers();
  });

  test("the failure of the attempt counts, and not the refusal of the hedge beside it", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), clock });
    const guarded = pipeline({ hedge: { delay: 10 }, retry: quick, limiter, clock });
    let calls = 0;
    const call = observe(
      guarded.run(async (context) => {
        await context.sleep(50);
        if (++calls === 1) throw new TransientError("once");
        return "second round";
      }),
    );
    await clock.advance(200);
    expect(call.outcome).toMatchObject({ value: "second round" });
  });

  test("a loser that waits for the limiter leaves its queue", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 5, clock });
    const guarded = pipeline({ hedge: { delay: 10 }, limiter, clock });
    const task = vi.fn((context: Context) => context.sleep(30).then(() => "first"));
    const call = observe(guarded.run(task));
    await clock.advance(10);
    expect([limiter.inflight, limiter.queued]).toEqual([1, 1]);
    await clock.advance(20);
    expect(call.outcome).toMatchObject({ value: "first" });
    await drained();
    expect([limiter.inflight, limiter.queued]).toEqual([0, 0]);
    expect(task).toHaveBeenCalledTimes(1);
    await settleTimers();
  });

  test("two that fail at once are one failed round: one retry, one withdrawal for it", async () => {
    const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 10, window: "10s", clock });
    const guarded = pipeline({ hedge: { delay: 50 }, retry: quick, budget, clock });
    const before = budget.balance;
    const task = vi.fn(() => {
      throw new TransientError("at once");
    });
    const call = observe(guarded.run(task));
    await clock.advance(1000);
    expect(call.outcome.status).toBe("rejected");
    // Three rounds of two; each but the first attempt draws on the budget.
    expect([task.mock.calls.length, before - budget.balance]).toEqual([6, 5]);
  });

  test("after an overload no further one is begun, also while another runs", async () => {
    const guarded = pipeline({ hedge: { delay: 10, attempts: 3 }, clock });
    const seen: number[] = [];
    const call = observe(
      guarded.run(async (context, attempt) => {
        seen.push(attempt);
        await context.sleep(attempt === 2 ? 5 : 100);
        if (attempt === 2) throw Object.assign(new Error("busy"), { code: "EMFILE" });
        return "first";
      }),
    );
    await clock.advance(100);
    expect(seen).toEqual([1, 2]);
    expect(call.outcome).toMatchObject({ value: "first" });
    await settleTimers();
  });

  test("of two failures the overload decides, since it says how long to wait", async () => {
    const guarded = pipeline({ hedge: { delay: 10 }, retry: quick, clock });
    const begun: number[] = [];
    const call = observe(
      guarded.run(async (context, attempt) => {
        begun.push(clock.now());
        if (attempt === 1) {
          await context.sleep(20);
          return new Response("busy", { status: 429, headers: { "retry-after": "5" } });
        }
        if (attempt > 2) return "third";
        await context.sleep(20);
        throw new TransientError("later, and less to say");
      }),
    );
    await clock.advance(10_000);
    expect(begun).toEqual([0, 10, 5030]);
    expect(call.outcome).toMatchObject({ value: "third" });
  });

  test("responses that nobody will read are let go of: of losers, of failures, of bodies that came too late", async () => {
    const responses: Response[] = [];
    const answer = (status: number): Response => {
      const response = new Response("body", { status });
      responses.push(response);
      return response;
    };
    const guarded = pipeline({ hedge: { delay: 10 }, timeout: 100, clock });
    const sleep = (ms: number): Promise<void> => root.sleep(ms);
    // Attempt 1 fails while attempt 2 runs; and a loser that ignores its context.
    const [one, two] = [
      observe(
        guarded.run(async (_, attempt) => {
          await sleep(attempt === 1 ? 20 : 30);
          return answer(attempt === 1 ? 502 : 200);
        }),
      ),
      observe(
        guarded.run(async (_, attempt) => {
          await sleep(attempt === 1 ? 80 : 5);
          return answer(200);
        }),
      ),
    ];
    const late = observe(
      pipeline({ timeout: 50, clock }).run(async () => {
        await sleep(60);
        return answer(200);
      }),
    );
    await clock.advance(200);
    const kept = new Set([one, two].map(({ outcome }) => (outcome.status === "fulfilled" ? outcome.value : undefined)));
    expect(late.outcome).toMatchObject({ reason: expect.any(DeadlineExceededError) as unknown });
    expect(responses).toHaveLength(5);
    const read = await Promise.all(responses.map((response) => response.text().catch(() => "let go of")));
    expect(responses.filter((_, index) => read[index] === "body")).toEqual(
      responses.filter((response) => kept.has(response)),
    );
    expect(read.filter((text) => text === "body")).toHaveLength(2);
  });

  test("the context of an attempt knows its timeout, with a hedge and after a wait, too", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 5, clock });
    const guarded = pipeline({ hedge: { delay: 50 }, timeout: 100, limiter, clock });
    const permit = limiter.tryAcquire()!;
    const call = observe(guarded.run((context) => context.remaining()));
    await clock.advance(30);
    permit.ignore();
    await drained();
    expect(call.outcome).toMatchObject({ value: 100 });
    await settleTimers();
  });

  test("a body's own AbortError ends the call, as in hedge()", async () => {
    const guarded = pipeline({ hedge: { delay: 10 }, clock });
    const error = new DOMException("gone", "AbortError");
    let first!: Context;
    const call = observe(
      guarded.run((context, attempt) => {
        if (attempt === 2) throw error;
        first = context;
        return never();
      }),
    );
    await clock.advance(10);
    expect(call.outcome).toMatchObject({ reason: error });
    expect(first.aborted).toBe(true);
    await settleTimers();
  });
});

describe("the clock", () => {
  test("one that fires many timers without a microtask in between begins no attempt too many", async () => {
    let timers: { readonly due: number; readonly callback: () => void }[] = [];
    let now = 0;
    const abrupt: Clock = {
      now: () => now,
      date: () => now,
      random: () => 0.5,
      setTimeout: (callback, ms) => {
        const timer = { due: now + ms, callback };
        timers.push(timer);
        return () => (timers = timers.filter((other) => other !== timer));
      },
    };
    const advance = (ms: number): void => {
      const end = now + ms;
      for (;;) {
        const [next] = timers.filter(({ due }) => due <= end).toSorted((one, two) => one.due - two.due);
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        now = Math.max(now, next.due);
        next.callback();
      }
      now = end;
    };
    const guarded = pipeline({ hedge: { delay: 10 }, timeout: 20, retry: { ...quick, attempts: 2 }, clock: abrupt });
    // The second round has all its attempts at once, while the first one's timers still have something to say.
    const task = vi.fn((_: Context, attempt: number) => {
      if (attempt === 3) throw new TransientError("at once");
      return never();
    });
    const call = observe(guarded.run(task));
    for (let round = 0; round < 10; round++) {
      advance(200);
      // oxlint-disable-next-line no-await-in-loop
      await drained();
    }
    expect(call.outcome.status).toBe("rejected");
    expect(task).toHaveBeenCalledTimes(4);
    expect(timers).toEqual([]);
  });
});
