// Chapter 3.2, "a more robust variant: with timeout and retry with backoff". The article shows the timeout alone, and
// gives the numbers in chapter 2.3: 8 s overall, 3 s for each request, one retry.
import type { Context, RetryOptions } from "snowshed";
import { DeadlineExceededError, FatalError, Group, retry, timeout, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { drained, observe } from "../support/promises.ts";

useFakeTime();

describe("R09: the article's RunWithTimeout", () => {
  /** As written there: `ctx, cancel := context.WithTimeout(ctx, timeout); defer cancel(); return task(ctx)`. */
  async function runWithTimeout<T>(context: Context, ms: number, task: (context: Context) => Promise<T>): Promise<T> {
    const own = context.withTimeout(ms);
    try {
      return await task(own);
    } finally {
      own.cancel();
    }
  }

  const ignores = (): Promise<never> => new Promise(() => {});

  test("waits for ever for a task that takes no notice of its context", async () => {
    const call = observe(runWithTimeout(root, 3000, ignores));
    await clock.advance("10h");
    expect(call.outcome.status).toBe("pending");
  });

  test("as timeout() it does not; a task that takes notice ends the same way in both", async () => {
    const call = observe(timeout(ignores, "3s", { signal: root }));
    const theirs = observe(runWithTimeout(root, 3000, (context) => context.sleep("1h")));
    const ours = observe(timeout((context) => context.sleep("1h"), "3s", { signal: root }));
    await clock.advance("3s");
    const late = { status: "rejected", reason: expect.any(DeadlineExceededError) as unknown };
    expect([call.outcome, theirs.outcome, ours.outcome]).toEqual([late, late, late]);
  });

  test("gives the task's own result and the task's own error", async () => {
    expect(await timeout(async () => "answer", "3s", { signal: root })).toBe("answer");
    const error = new Error("no rows");
    await expect(timeout(() => Promise.reject(error), "3s", { signal: root })).rejects.toBe(error);
  });
});

describe("R09: with retry and backoff, by the article's numbers", () => {
  const once: RetryOptions = { attempts: 2, backoff: { initial: 500, jitter: "none" } };

  /** 8 s overall, 3 s for each attempt, one retry. */
  function call(body: (context: Context, attempt: number) => Promise<string>): ReturnType<typeof observe<string>> {
    return observe(
      timeout(
        (overall) =>
          retry((context, attempt) => timeout((own) => body(own, attempt), "3s", { signal: context }), {
            ...(once as RetryOptions<string>),
            signal: overall,
          }),
        "8s",
        { signal: root },
      ),
    );
  }

  test("a request that hangs is given 3 s, then one more attempt of 3 s, and no third", async () => {
    const times: number[] = [];
    const hung = call((context) => {
      times.push(clock.now());
      return context.sleep("1h").then(() => "never");
    });
    await clock.advance(6500);
    expect(times).toEqual([0, 3500]);
    expect(hung.outcome).toMatchObject({
      status: "rejected",
      reason: { message: "the task took longer than 3000 ms" },
    });
    expect(clock.now()).toBe(6500);
  });

  test("a second attempt that works is the answer", async () => {
    const flaky = call(async (_context, attempt) => {
      if (attempt === 1) throw new TransientError("connection refused");
      return "answer";
    });
    await clock.advance(500);
    expect(flaky.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test("8 s are the end, whatever is left to try: the last attempt gets what remains", async () => {
    const remaining: number[] = [];
    const late = observe(
      timeout(
        (overall) =>
          retry(
            (context) =>
              timeout(
                (own) => {
                  remaining.push(own.remaining());
                  return own.sleep("1h");
                },
                "3s",
                { signal: context },
              ),
            { attempts: 10, backoff: { initial: 500, jitter: "none" }, signal: overall },
          ),
        "8s",
        { signal: root },
      ),
    );
    // Attempts at 0, 3.5 and 7.5 s (500 ms, then 1 s of backoff).
    await clock.advance("8s");
    expect(remaining).toEqual([3000, 3000, 500]);
    expect(late.outcome).toMatchObject({
      status: "rejected",
      reason: { message: "the task took longer than 8000 ms" },
    });
  });

  test("what cannot get better is not tried again (the decision table of chapter 3.3)", async () => {
    const attemptsOf = async (error: Error): Promise<number> => {
      let attempts = 0;
      const failing = call(async () => {
        attempts++;
        throw error;
      });
      await clock.advance("8s");
      expect(failing.outcome).toEqual({ status: "rejected", reason: error });
      return attempts;
    };
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const timedOut = Object.assign(new Error("timeout"), { code: "ETIMEDOUT" });
    expect(await attemptsOf(refused)).toBe(2);
    expect(await attemptsOf(timedOut)).toBe(2);
    expect(await attemptsOf(new FatalError("no rows in result set"))).toBe(1);
  });

  test("in a group, a sibling's failure ends the backoff at once", async () => {
    const group = new Group({ signal: root });
    let attempts = 0;
    const retried = group.go((context) =>
      retry(
        () => {
          attempts++;
          throw new TransientError("again");
        },
        { signal: context, attempts: 10, backoff: { initial: "5s", jitter: "none" } },
      ),
    );
    await drained();
    const failed = group.go(() => Promise.reject(new FatalError("credentials refused")));
    const waited = observe(group.wait());
    await drained();
    expect([attempts, retried.state, failed.state, clock.now()]).toEqual([1, "rejected", "rejected", 0]);
    expect(waited.outcome).toMatchObject({ status: "rejected", reason: { message: "credentials refused" } });
  });
});
