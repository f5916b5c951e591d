// What wrapped policies of other libraries are known to get wrong, each by its name; found by running them.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Context } from "snowshed";
import { fixed, pipeline, RetryBudget, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe } from "../support/promises.ts";

useFakeTime();

const settleTimers = (): Promise<void> => clock.advance(20);
const never = (): Promise<never> => new Promise(() => {});
const fail = (): never => {
  throw new TransientError("try again");
};
const backoff = { initial: 10, jitter: "none" } as const;

describe("cockatiel", () => {
  test("bulkhead(1) around an aggressive timeout: 3 bodies live at once. Here: 1", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1), maxQueue: 10 }, timeout: 10, deadline: 35, clock });
    let [alive, most] = [0, 0];
    const gates = Array.from({ length: 3 }, () => deferred());
    const calls = gates.map(({ promise }) =>
      observe(
        guarded.run(async () => {
          most = Math.max(most, ++alive);
          await promise;
          alive--;
        }),
      ),
    );
    await clock.advance(30);
    expect([most, alive, guarded.limiter!.inflight]).toEqual([1, 1, 1]);
    expect(calls.map(({ outcome }) => outcome.status)).toEqual(["rejected", "pending", "pending"]);
    for (const gate of gates) gate.resolve();
    await drained();
    expect([most, alive, guarded.limiter!.inflight]).toEqual([1, 0, 0]);
    await settleTimers();
  });

  test("a timeout that does not tell the body. Here: its context aborts, and knows how long it had", async () => {
    const guarded = pipeline({ timeout: 10, clock });
    let given!: Context;
    const call = observe(
      guarded.run((context) => {
        given = context;
        expect([context.remaining(), context.signal.aborted]).toEqual([10, false]);
        return never();
      }),
    );
    await clock.advance(10);
    expect([given.signal.aborted, call.outcome.status]).toEqual([true, "rejected"]);
    expect(call.outcome).toMatchObject({ reason: given.reason });
  });

  test("a call aborted in the bulkhead's queue strands the next one. Here: it leaves at once, and the next one runs", async () => {
    const guarded = pipeline({ breaker: {}, limiter: { algorithm: fixed(1), maxQueue: 5 }, clock });
    const gate = deferred();
    void guarded.run(() => gate.promise);
    const caller = root.withCancel();
    const aborted = observe(guarded.run(() => "aborted", { signal: caller }));
    const behind = observe(guarded.run(() => "behind"));
    caller.cancel();
    await drained();
    expect(aborted.outcome).toMatchObject({ status: "rejected", reason: caller.reason });
    gate.resolve();
    await drained();
    expect(behind.outcome).toMatchObject({ value: "behind" });
    expect(guarded.limiter!.inflight).toBe(0);
  });

  test("a newcomer takes the slot of one that was accepted before. Here: in the order they came", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1), maxQueue: 1 }, timeout: 1000, clock });
    const ran: string[] = [];
    const run = (name: string): Promise<void> => guarded.run(() => drained().then(() => void ran.push(name)));
    const newcomer = run("first").then(() => run("newcomer"));
    const queued = run("queued");
    await Promise.all([newcomer, queued]);
    expect(ran).toEqual(["first", "queued", "newcomer"]);
    await settleTimers();
  });

  test("an abort during 300 ms of backoff is noticed after 307 ms. Here: at once, also with a deadline", async () => {
    const guarded = pipeline({ deadline: 5000, retry: { backoff: { initial: 300, jitter: "none" } }, clock });
    const caller = root.withCancel();
    const call = observe(guarded.run(fail, { signal: caller }));
    await clock.advance(7);
    caller.cancel();
    await drained();
    expect([call.outcome.status, clock.now()]).toEqual(["rejected", 7]);
    await settleTimers();
  });

  test("retry(3) in three levels makes 64 attempts of one call. Here: as many as the budget they share allows", async () => {
    const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 0.5, window: "10s", clock });
    const level = pipeline({ retry: { attempts: 4, backoff }, budget, clock });
    let attempts = 0;
    const call = observe(
      level.run(() =>
        level.run(() =>
          level.run(() => {
            attempts++;
            return fail();
          }),
        ),
      ),
    );
    await clock.advance(1000);
    expect(call.outcome.status).toBe("rejected");
    expect(attempts).toBe(1 + 5);
  });

  test("retry around a breaker goes on asking it while it is open. Here: its refusal is final", async () => {
    const guarded = pipeline({ retry: { attempts: 10, backoff }, breaker: { consecutiveFailures: 2 }, clock });
    let attempts = 0;
    const call = observe(
      guarded.run(() => {
        attempts++;
        return fail();
      }),
    );
    await clock.advance(100);
    expect(attempts).toBe(2);
    expect(call.outcome).toMatchObject({ reason: { code: "SNOWSHED_CIRCUIT_OPEN" } });
  });

  test("half-open, all others wait behind one probe, and are let loose together. Here: they are refused at once", async () => {
    const guarded = pipeline({ breaker: { consecutiveFailures: 1, openFor: 100 }, timeout: 50, clock });
    observe(guarded.run(fail));
    await clock.advance(100);
    const gate = deferred();
    const probe = observe(guarded.run(() => gate.promise));
    const others = [1, 2, 3].map(() => observe(guarded.run(() => "other")));
    await drained();
    expect(others.map(({ outcome }) => outcome.status)).toEqual(["rejected", "rejected", "rejected"]);
    gate.resolve();
    await drained();
    expect(probe.outcome.status).toBe("fulfilled");
    await settleTimers();
  });

  test("timeout and abort of the caller are one and the same. Here: each has its own error, reason and cause", async () => {
    const guarded = pipeline({ timeout: 10, deadline: 100, clock });
    const cause = new Error("client gone");
    const caller = root.withCancel();
    const [late, gone] = [observe(guarded.run(never)), observe(guarded.run(never, { signal: caller }))];
    await clock.advance(5);
    caller.cancel(cause);
    await clock.advance(5);
    expect(late.outcome).toMatchObject({ reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
    expect(gone.outcome).toMatchObject({ reason: { code: "SNOWSHED_CANCELED", cause } });
    await settleTimers();
  });
});

describe("cockatiel, p-queue: a task sees the AsyncLocalStorage of another caller. Here: its own", () => {
  test.each([
    ["after a wait for the limiter", { limiter: { algorithm: fixed(1), maxQueue: 10 } }],
    ["in an attempt after a timeout", { timeout: 10, retry: { attempts: 2, backoff } }],
    ["in a hedge", { hedge: { delay: 10 } }],
    ["in a hedge of the second round", { hedge: { delay: 10 }, timeout: 20, retry: { attempts: 2, backoff } }],
    ["in a third attempt beside two others", { hedge: { delay: 10, attempts: 3 } }],
  ])("%s", async (_, options) => {
    // Whoever makes the timer that all share is not the one whose task it starts.
    const store = new AsyncLocalStorage<string>();
    const budget = new RetryBudget({ minimumPerSecond: 100, clock });
    const shares = "retry" in options || "hedge" in options;
    const guarded = pipeline({ ...options, ...(shares ? { budget } : {}), clock });
    const seen: string[] = [];
    const call = (name: string): { readonly outcome: object } =>
      store.run(name, () => {
        return observe(
          guarded.run(async (context, attempt) => {
            seen.push(`${name} sees ${store.getStore()}`);
            await context.sleep(attempt > 3 ? 1 : 40);
          }),
        );
      });
    call("first");
    await clock.advance(3);
    call("second");
    await clock.advance(3);
    call("third");
    await clock.advance(500);
    expect(seen.length).toBeGreaterThan("limiter" in options ? 2 : 5);
    expect(seen.filter((line) => !/^(\w+) sees \1$/u.test(line))).toEqual([]);
  });
});

describe("p-queue", () => {
  test("a timeout that does not count the wait has no end for the caller. Here: the deadline counts it", async () => {
    const guarded = pipeline({
      deadline: 30,
      limiter: { algorithm: fixed(1), maxQueue: 10 },
      timeout: 30,
      clock,
    });
    const calls = [1, 2, 3, 4].map(() => observe(guarded.run((context) => context.sleep(25))));
    await clock.advance(30);
    expect(calls.map(({ outcome }) => outcome.status)).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
    await drained();
    expect([guarded.limiter!.inflight, guarded.limiter!.queued]).toEqual([0, 0]);
    await settleTimers();
  });

  test("aborting a running task frees its slot: 2 are live at a limit of 1. Here: 1", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1), maxQueue: 1 }, clock });
    const gate = deferred();
    const caller = root.withCancel();
    const first = observe(guarded.run(() => gate.promise, { signal: caller }));
    let began = false;
    const second = observe(
      guarded.run(() => {
        began = true;
      }),
    );
    caller.cancel();
    await drained();
    expect([first.outcome.status, began]).toEqual(["rejected", false]);
    gate.resolve();
    await drained();
    expect([second.outcome.status, began]).toEqual(["fulfilled", true]);
  });
});

describe("p-limit, async-mutex, p-queue, cockatiel, Effect", () => {
  test("a task that needs a second place of the same limit hangs for ever. Here: it is refused", async () => {
    const guarded = pipeline({ limiter: { algorithm: fixed(1) }, retry: 5, clock });
    const call = observe(guarded.run(() => guarded.run(() => 1)));
    await clock.advance(10_000);
    expect(call.outcome).toMatchObject({ reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
  });
});

describe("opossum", () => {
  test("one AbortController for the whole breaker: after a timeout the next call fails. Here: a context for each attempt", async () => {
    const guarded = pipeline({ timeout: 10, retry: { attempts: 2, backoff }, breaker: {}, clock });
    const contexts: Context[] = [];
    const call = observe(
      guarded.run((context, attempt) => {
        contexts.push(context);
        return attempt === 1 ? never() : context.sleep(5).then(() => "second");
      }),
    );
    await clock.advance(25);
    expect(call.outcome).toMatchObject({ value: "second" });
    expect(contexts.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(await guarded.run((context) => context.aborted)).toBe(false);
    await settleTimers();
  });

  test("opens after one failed call. Here: not before five in a row", async () => {
    const guarded = pipeline({ breaker: {}, timeout: 10, clock });
    const states: (string | undefined)[] = [];
    for (let call = 0; call < 5; call++) {
      observe(guarded.run(never));
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(20);
      states.push(guarded.breaker?.state);
    }
    expect(states).toEqual(["closed", "closed", "closed", "closed", "open"]);
  });

  test("a live timer for each breaker. Here: none, when no call is under way", async () => {
    const own = new FakeClock();
    const guarded = pipeline({ deadline: 100, timeout: 50, retry: 2, breaker: {}, limiter: {}, clock: own });
    expect(own.pending).toBe(0);
    await guarded.run(async () => 1);
    await own.advance(10);
    expect(own.pending).toBe(0);
  });
});
