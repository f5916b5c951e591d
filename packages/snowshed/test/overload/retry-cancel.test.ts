import fc from "fast-check";
import type { RetryOptions } from "snowshed";
import { CanceledError, Context, DeadlineExceededError, retry, RetryBudget, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { runModule } from "../support/child-process.ts";
import { collected } from "../support/garbage.ts";
import { drained, observe, outcome } from "../support/promises.ts";

useFakeTime();

const passing = new TransientError("try again");
const exact = { jitter: "none" } as const;

function fail(): never {
  throw passing;
}

describe("canceling retry()", () => {
  test("during the backoff settles at once, with the cancellation, and leaves no timer", async () => {
    using context = root.withCancel();
    const call = observe(retry(fail, { signal: context, backoff: { initial: "5s", jitter: "none" } }));
    await clock.advance(1);
    expect([call.outcome.status, clock.pending]).toEqual(["pending", 1]);
    context.cancel("the client went away");
    await drained();
    expect(call.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect([clock.now(), clock.pending]).toEqual([1, 0]);
  });

  test("by a foreign signal does the same, and takes its listener back", async () => {
    const controller = new AbortController();
    const call = observe(retry(fail, { signal: controller.signal, clock, backoff: { initial: "5s", jitter: "none" } }));
    await clock.advance(1);
    expect(clock.pending).toBe(1);
    controller.abort(new Error("stop"));
    await drained();
    expect(call.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CANCELED" } });
    expect(clock.pending).toBe(0);
  });

  test("beforehand refuses: the task is not run, and the budget is as it was", async () => {
    using context = root.withCancel();
    context.cancel();
    const budget = new RetryBudget({ clock, ratio: 1, minimumPerSecond: 0 });
    let calls = 0;
    const call = retry(() => calls++, { signal: context, budget });
    expect(await outcome(call)).toEqual({ status: "rejected", reason: context.reason });
    expect([calls, budget.balance]).toEqual([0, 0]);
    expect(await outcome(retry(() => 1, { signal: AbortSignal.abort() }))).toMatchObject({ status: "rejected" });
  });

  test("during an attempt is that attempt's business; whatever it throws, there is no other", async () => {
    const events: unknown[] = [];
    for (const error of [passing, new Error("stopped"), new CanceledError()]) {
      using context = root.withCancel();
      let calls = 0;
      const task = async (): Promise<never> => {
        calls++;
        await Promise.resolve();
        context.cancel();
        throw error;
      };
      const options: RetryOptions<never> = { signal: context, onRetry: fail, onGiveUp: (event) => events.push(event) };
      expect(await outcome(retry(task, options))).toEqual({ status: "rejected", reason: error });
      expect(calls).toBe(1);
    }
    // The caller has gone: nobody gave anything up.
    expect(events).toEqual([]);
  });

  test("and failing in the same tick makes no further attempt", async () => {
    using context = root.withCancel();
    let calls = 0;
    const call = observe(
      retry(
        () => {
          calls++;
          context.cancel();
          throw passing;
        },
        { signal: context },
      ),
    );
    await clock.advance("1m");
    expect([calls, call.outcome]).toEqual([1, { status: "rejected", reason: passing }]);
  });

  test("does not undo an attempt that succeeds all the same", async () => {
    using context = root.withCancel();
    const task = async (): Promise<string> => {
      context.cancel();
      return "answer";
    };
    expect(await retry(task, { signal: context })).toBe("answer");
  });
});

describe("the deadline of retry()", () => {
  test("is never slept past: without time for another attempt the last error comes at once", async () => {
    using context = root.withTimeout(300);
    const times: number[] = [];
    const task = (): never => {
      times.push(clock.now());
      throw passing;
    };
    const call = observe(retry(task, { signal: context, attempts: 10, backoff: exact }));
    await clock.advance(100);
    // The next wait, 200 ms, would end at the very deadline.
    expect(call.outcome).toEqual({ status: "rejected", reason: passing });
    expect(times).toEqual([0, 100]);
  });

  test("that is a little later leaves room for one more: the negative control", async () => {
    using context = root.withTimeout(301);
    let calls = 0;
    const call = observe(
      retry(
        () => {
          calls++;
          throw passing;
        },
        { signal: context, attempts: 10, backoff: exact },
      ),
    );
    await clock.advance(300);
    expect([calls, call.outcome]).toEqual([3, { status: "rejected", reason: passing }]);
  });

  test("that passes during an attempt is the reason to give up", async () => {
    using context = root.withTimeout(50);
    const reasons: string[] = [];
    const task = async ({ clock: own }: Context): Promise<never> => {
      await Context.root({ clock: own }).sleep(80);
      throw passing;
    };
    const call = observe(retry(task, { signal: context, onGiveUp: ({ reason }) => reasons.push(reason) }));
    await clock.advance("1s");
    expect(call.outcome).toEqual({ status: "rejected", reason: passing });
    expect(reasons).toEqual(["deadline"]);
  });

  test("that a foreign signal keeps to itself still ends the wait", async () => {
    const controller = new AbortController();
    const call = observe(retry(fail, { signal: controller.signal, clock }));
    await drained();
    controller.abort(new DOMException("late", "TimeoutError"));
    await drained();
    expect(call.outcome).toMatchObject({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
  });

  test("holds whatever fails when: no sleep ends at or after it, and the attempts are never more than allowed", async () => {
    const scenario = fc.record({
      deadline: fc.integer({ min: 1, max: 3000 }),
      attempts: fc.integer({ min: 1, max: 8 }),
      initial: fc.integer({ min: 0, max: 400 }),
      jitter: fc.constantFrom("full", "decorrelated", "none"),
      // How long each attempt takes, and what it asks for.
      bodies: fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.option(fc.integer({ min: 0, max: 900 }))), {
        minLength: 8,
        maxLength: 8,
      }),
      cancelAt: fc.option(fc.integer({ min: 0, max: 3000 })),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ deadline, attempts, initial, jitter, bodies, cancelAt, seed }) => {
        const own = new FakeClock({ seed });
        const parent = Context.root({ clock: own }).withCancel();
        const context = parent.withTimeout(deadline);
        const begun: number[] = [];
        const events: { readonly at: number; readonly delay: number }[] = [];
        let ended = 0;
        const call = observe(
          retry(
            async (_context, attempt) => {
              begun.push(own.now());
              const [takes, asked] = bodies[attempt - 1]!;
              await Context.root({ clock: own }).sleep(takes);
              ended = own.now();
              throw new TransientError("again", asked === null ? {} : { retryAfter: asked });
            },
            {
              signal: context,
              attempts,
              backoff: { initial, maximum: 400, jitter },
              onRetry: ({ delay }) => events.push({ at: own.now(), delay }),
            },
          ),
        );
        let settledAt = -1;
        const watch = (): void => {
          if (settledAt < 0 && call.outcome.status !== "pending") settledAt = own.now();
        };
        for (let at = 0; at < 8000; at += 50) {
          await own.advance(Math.max(0, at - own.now()));
          if (cancelAt !== null && at >= cancelAt) parent.cancel();
          await drained();
          watch();
          if (settledAt >= 0) break;
        }
        expect(call.outcome.status).toBe("rejected");
        expect(begun.length).toBeLessThanOrEqual(attempts);
        for (const { at, delay } of events) expect(at + delay).toBeLessThan(deadline);
        for (const at of begun) expect(at).toBeLessThan(deadline);
        // Nothing is waited for after the last body and the cancellation.
        const end = Math.max(ended, cancelAt ?? 0);
        expect(settledAt - end).toBeLessThan(500 + 900 + 400 + 100);
        context.cancel();
        expect(own.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("the end of retry()", () => {
  test("frees what its task held, also while the signal lives on", async () => {
    const context = root.withCancel();
    const make = async (): Promise<WeakRef<object>> => {
      const held = { size: 1 };
      let calls = 0;
      await retry(() => (++calls === 1 ? fail() : held.size), { signal: context, backoff: { initial: 0 } });
      return new WeakRef(held);
    };
    const made = make();
    await clock.advance(0);
    expect(await collected(() => made)).toBe(true);
    context.cancel();
  });

  test("is waited for by the process: a backoff is not lost because nothing else is left to do", async () => {
    const { stdout, code } = await runModule(`
      const { retry, TransientError } = await import("snowshed");
      const answer = await retry((context, attempt) => {
        if (attempt === 1) throw new TransientError("again");
        return "second attempt";
      }, { backoff: { initial: 20, jitter: "none" } });
      console.log(answer);
    `);
    expect([stdout.trim(), code]).toEqual(["second attempt", 0]);
  });
});
