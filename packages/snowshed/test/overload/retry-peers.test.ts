// What other retry and timeout libraries are known to get wrong, each by its name; found by running them.
import type { Clock } from "snowshed";
import { fixed, Limiter, retry, RetryBudget, timeout, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

useFakeTime();

const passing = new TransientError("try again");

function fail(): never {
  throw passing;
}

describe("a defect of others that retry() does not have", () => {
  test("cockatiel: an abort during 300 ms of backoff is noticed after 307 ms. Here: at once", async () => {
    using context = root.withCancel();
    const call = observe(retry(fail, { signal: context, backoff: { initial: 300, jitter: "none" } }));
    await clock.advance(7);
    context.cancel();
    await drained();
    expect([call.outcome.status, clock.now(), clock.pending]).toEqual(["rejected", 7, 0]);
  });

  test("cockatiel: retries in retries, three levels of four attempts, make 64. Here: a shared budget caps them", async () => {
    const nested = async (budget: RetryBudget | undefined): Promise<number> => {
      let attempts = 0;
      const options = { signal: root, budget, attempts: 4, backoff: { initial: 0 } };
      const innermost = (): never => {
        attempts++;
        return fail();
      };
      const call = observe(retry(() => retry(() => retry(innermost, options), options), options));
      await clock.advance("1s");
      expect(call.outcome).toEqual({ status: "rejected", reason: passing });
      return attempts;
    };
    expect(await nested(undefined)).toBe(64);
    // The minimum of one a second, over its ten seconds.
    expect(await nested(new RetryBudget({ clock }))).toBeLessThanOrEqual(1 + 10);
    expect(await nested(new RetryBudget({ clock, minimumPerSecond: 0 }))).toBe(1);
  });

  test("p-retry, cockatiel: Retry-After is not looked at. Here: it is the least wait", async () => {
    const times: number[] = [];
    const busy = new Response(null, { status: 503, headers: { "Retry-After": "3" } });
    const task = (): Response => {
      times.push(clock.now());
      return times.length === 1 ? busy : new Response("answer");
    };
    const call = observe(retry(task, { signal: root }));
    await clock.advance(2999);
    expect(times).toEqual([0]);
    await clock.advance(200);
    expect(times).toHaveLength(2);
    expect(call.outcome.status).toBe("fulfilled");
  });

  test("p-retry: only errors are retried, so a 503 of `fetch` is a success. Here: it is not", async () => {
    let calls = 0;
    const task = (): Response => new Response(null, { status: calls++ === 0 ? 503 : 204 });
    const call = observe(retry(task, { signal: root }));
    await clock.advance("1s");
    expect(call.outcome).toMatchObject({ status: "fulfilled", value: { status: 204 } });
  });

  test("p-retry: an error is changed, with fields of the library's. Here: it is rejected with as it was thrown", async () => {
    const frozen = Object.freeze(new TransientError("frozen"));
    const keys = Object.keys(frozen);
    const call = observe(retry(() => Promise.reject(frozen), { signal: root }));
    await clock.advance("1s");
    expect(call.outcome).toEqual({ status: "rejected", reason: frozen });
    expect(Object.keys(frozen)).toEqual(keys);
  });

  test("envoy, others: the budget counts no retries in backoff, so all leave it together. Here: it counts them", async () => {
    const budget = new RetryBudget({ clock, ratio: 0, minimumPerSecond: 1, window: "10s" });
    let attempts = 0;
    const task = (): never => {
      attempts++;
      return fail();
    };
    const options = { signal: root, budget, attempts: 2, backoff: { initial: "5s", jitter: "none" } } as const;
    const calls = Array.from({ length: 100 }, () => observe(retry(task, options)));
    await clock.advance("1m");
    expect(calls.every((call) => call.outcome.status === "rejected")).toBe(true);
    expect(attempts).toBe(110);
  });

  test("p-retry: a success costs 7.6 µs of preparing for failures. Here: no clock is read, no timer set", async () => {
    const touched: string[] = [];
    const untouched: Clock = {
      now: () => touched.push("now"),
      date: () => touched.push("date"),
      random: () => touched.push("random"),
      setTimeout: () => {
        touched.push("setTimeout");
        return () => {};
      },
    };
    const options = { clock: untouched, attempts: 5, backoff: { initial: "1s", jitter: "decorrelated" } } as const;
    expect(await retry(() => "answer", options)).toBe("answer");
    expect(touched).toEqual([]);
    // The control: a failure needs them.
    void retry(fail, options).catch(() => {});
    await drained();
    expect(touched).toContain("setTimeout");
  });

  test("p-retry: the process may end during the backoff (`unref: true`). Here: it is kept running", async () => {
    const { stdout } = await runModule(`
      const { retry, TransientError } = await import("snowshed");
      let attempts = 0;
      await retry(() => { if (++attempts < 3) throw new TransientError("again"); }, { backoff: { initial: 10 } });
      console.log(attempts);
    `);
    expect(stdout.trim()).toBe("3");
  });

  test("others: the pause after an abort keeps the process alive to its end. Here: no timer is left", async () => {
    const { stdout, code } = await runModule(`
      const { Context, retry, TransientError } = await import("snowshed");
      const context = Context.background.withCancel();
      const call = retry(() => { throw new TransientError("again"); }, {
        signal: context, backoff: { initial: "1h", jitter: "none" },
      });
      setImmediate(() => context.cancel());
      await call.catch((error) => console.log(error.name));
    `);
    expect([stdout.trim(), code]).toEqual(["AbortError", 0]);
  });
});

describe("a defect of others that timeout() does not have", () => {
  test("p-queue, cockatiel: a timeout gives the place free while the body runs: 3 bodies on a limit of 1. Here: 1", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 10, clock });
    let alive = 0;
    let most = 0;
    const stuck = deferred();
    const body = async (): Promise<void> => {
      most = Math.max(most, ++alive);
      await stuck.promise; // It takes no notice of its context.
      alive--;
    };
    const calls = [1, 2, 3].map(() =>
      observe(timeout((context) => limiter.run(body, { signal: context }), 100, { signal: root })),
    );
    await clock.advance(100);
    expect(calls.map(({ outcome: { status } }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect([alive, most, limiter.inflight]).toEqual([1, 1, 1]);
    stuck.resolve();
    await drained();
    expect([alive, most, limiter.inflight]).toEqual([0, 1, 0]);
  });

  test("p-queue: the body is not told of the timeout. Here: its context is aborted, with the same error", async () => {
    const reasons: unknown[] = [];
    const call = timeout(
      (context) => {
        context.onAbort((reason) => reasons.push(reason));
        return new Promise(() => {});
      },
      100,
      { signal: root },
    );
    const settled = observe(call);
    await clock.advance(100);
    expect(settled.outcome).toEqual({ status: "rejected", reason: reasons[0] });
  });

  test("opossum: one controller for the whole breaker, so a timeout aborts the calls beside it. Here: each has its own", async () => {
    const slow = observe(timeout(() => new Promise(() => {}), 100, { signal: root }));
    const other = observe(timeout((context) => context.sleep(150).then(() => "answer"), 200, { signal: root }));
    await clock.advance(200);
    expect([slow.outcome.status, other.outcome]).toEqual(["rejected", { status: "fulfilled", value: "answer" }]);
  });

  test("cockatiel (cooperative): a body that ignores its signal holds the caller. Here: the caller goes on", async () => {
    const call = observe(timeout(() => new Promise(() => {}), 100, { signal: root }));
    await clock.advance(99);
    expect(call.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(call.outcome.status).toBe("rejected");
  });

  test("cockatiel: timeout and abort of the caller are the same error. Here: they are told apart", async () => {
    using context = root.withCancel();
    const timed = observe(timeout(() => new Promise(() => {}), 100, { signal: context }));
    await clock.advance(100);
    const canceled = timeout(() => new Promise(() => {}), 100, { signal: context });
    context.cancel();
    expect(await outcome(canceled)).toMatchObject({ reason: { name: "AbortError" } });
    expect(timed.outcome).toMatchObject({ reason: { name: "TimeoutError" } });
  });
});
