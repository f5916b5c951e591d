// When it opens, what it lets pass while it recovers, for how long it stays open, and opening and closing by hand.
import type { CircuitBreakerOptions, CircuitStateChange } from "snowshed";
import { CircuitBreaker, Context, CountWindow, SnowshedError, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { call, down, enterAll, leaveAll, up } from "./breaker-calls.ts";

useFakeTime();

const breakerOf = (options: CircuitBreakerOptions = {}): CircuitBreaker => new CircuitBreaker({ clock, ...options });

/** One that has just opened. */
async function opened(options: CircuitBreakerOptions = {}): Promise<CircuitBreaker> {
  const breaker = breakerOf({ consecutiveFailures: 1, ...options });
  await call(breaker, down);
  expect(breaker.state).toBe("open");
  return breaker;
}

/** One that waits for its first probe. */
async function recovering(options: CircuitBreakerOptions = {}): Promise<CircuitBreaker> {
  const breaker = await opened(options);
  await clock.advance(breaker.retryAfter);
  return breaker;
}

/** Closes it by successes, one after the other. */
async function recover(breaker: CircuitBreaker): Promise<void> {
  await clock.advance(breaker.retryAfter);
  for (let probe = 0; probe < 1000 && breaker.state !== "closed"; probe++) await call(breaker);
  expect(breaker.state).toBe("closed");
}

describe("a closed breaker", () => {
  test("gives back what the task does, and says how it is", async () => {
    const breaker = breakerOf({ name: "payments" });
    expect(await breaker.run(() => 42)).toBe(42);
    expect(await outcome(breaker.run(down))).toMatchObject({ reason: { message: "down" } });
    expect([breaker.name, breaker.state, breaker.retryAfter]).toEqual(["payments", "closed", 0]);
  });

  test("gives the task a context: that of the signal, or one in its own clock", async () => {
    const context = root.withCancel();
    expect(await breakerOf().run((given) => given, { signal: context })).toBe(context);
    expect((await breakerOf().run((given) => given)).clock).toBe(clock);
  });

  test("starts the task before run() returns", () => {
    let started = false;
    void breakerOf().run(() => (started = true));
    expect(started).toBe(true);
  });

  test("five in a row open it where calls are few; among many it takes minimumCalls, unless a number was set", async () => {
    const afterTraffic = async (breaker: CircuitBreaker): Promise<number> => {
      for (let index = 0; index < 100; index++) await call(breaker, up);
      let failures = 0;
      for (; breaker.state === "closed"; failures++) await call(breaker, down);
      return failures;
    };
    const rare = breakerOf();
    for (let index = 0; index < 5; index++) await call(rare, down);
    expect(rare.state).toBe("open");
    expect(await afterTraffic(breakerOf())).toBe(20);
    expect(await afterTraffic(breakerOf({ minimumCalls: 50 }))).toBe(50);
    expect(await afterTraffic(breakerOf({ consecutiveFailures: 5 }))).toBe(5);
  });

  test("opens when the failure rate is reached, of no fewer than minimumCalls calls", async () => {
    const breaker = breakerOf({ minimumCalls: 6, failureRate: 0.5, consecutiveFailures: Infinity });
    for (const task of [down, down, down, up, up]) await call(breaker, task);
    expect(breaker.state).toBe("closed"); // 3 of 5
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });

  test("stays closed just below the failure rate", async () => {
    const breaker = breakerOf({ minimumCalls: 4, failureRate: 0.5, consecutiveFailures: Infinity });
    for (let round = 0; round < 50; round++) for (const task of [up, down, up]) await call(breaker, task);
    expect(breaker.state).toBe("closed");
  });

  test("counts only what is in its window", async () => {
    const breaker = breakerOf({ minimumCalls: 4, consecutiveFailures: Infinity });
    await call(breaker, down, 3);
    await clock.advance("10s");
    await call(breaker, down, 3);
    expect(breaker.state).toBe("closed");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });

  test("takes another window: the last ten calls, however old", async () => {
    const window = new CountWindow(10);
    const breaker = breakerOf({ window, minimumCalls: 10, failureRate: 0.3, consecutiveFailures: Infinity });
    await call(breaker, down, 2);
    await call(breaker, up, 7);
    await clock.advance("1h");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });

  test("asks for no more calls than its window holds", async () => {
    const breaker = breakerOf({ window: new CountWindow(4), consecutiveFailures: Infinity });
    for (const task of [up, down, up, down]) await call(breaker, task);
    expect(breaker.state).toBe("open");
  });

  test("with failureRate 1 opens only if all failed", async () => {
    const breaker = breakerOf({ minimumCalls: 3, failureRate: 1, consecutiveFailures: Infinity });
    await call(breaker, up);
    await call(breaker, down, 50);
    expect(breaker.state).toBe("closed");
    await clock.advance("10s");
    await call(breaker, down, 3);
    expect(breaker.state).toBe("open");
  });

  test("opens after so many failures in a row, however few calls there are", async () => {
    const breaker = breakerOf();
    await call(breaker, down, 4);
    await call(breaker, up);
    await call(breaker, down, 4);
    expect(breaker.state).toBe("closed");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });

  test("counts neither ignored, fatal nor overload outcomes, in a row or in the window", async () => {
    const breaker = breakerOf({ minimumCalls: 2, consecutiveFailures: 3 });
    await call(breaker, down);
    const epoch = breaker.enter(0);
    for (let round = 0; round < 100; round++) {
      for (const classification of ["ignore", "fatal", "overload"] as const) breaker.leave(epoch, classification, 0);
    }
    expect(breaker.state).toBe("closed");
    breaker.leave(epoch, "transient", 0); // 2 of 2
    expect(breaker.state).toBe("open");
  });

  test("counts a response that was returned by what it says", async () => {
    const breaker = breakerOf({ consecutiveFailures: 2 });
    const badGateway = new Response(null, { status: 502 });
    expect(await breaker.run(() => badGateway)).toBe(badGateway);
    await call(breaker, () => badGateway);
    expect(breaker.state).toBe("open");
  });

  test("counts what its own classifier calls a failure", async () => {
    const breaker = breakerOf({
      consecutiveFailures: 1,
      classify: (value) => (value === "degraded" ? "transient" : "ok"),
    });
    expect(await breaker.run(() => "fine")).toBe("fine");
    expect(breaker.state).toBe("closed");
    expect(await breaker.run(() => "degraded")).toBe("degraded");
    expect(breaker.state).toBe("open");
  });
});

describe("an open breaker", () => {
  test("refuses without running the task, and says for how long", async () => {
    const breaker = await opened({ name: "payments" });
    await clock.advance(800);
    const refused = await outcome(breaker.run(() => expect.unreachable()));
    expect(refused).toMatchObject({
      reason: {
        code: "SNOWSHED_CIRCUIT_OPEN",
        message: 'the circuit breaker "payments" is open (consecutive failures): the next call may pass in 4200 ms',
      },
    });
    expect((refused as { reason: unknown }).reason).toBeInstanceOf(SnowshedError);
    expect(breaker.retryAfter).toBe(4200);
  });

  test("is half-open when its time is over, and not before, without a timer", async () => {
    const breaker = await opened();
    expect(clock.pending).toBe(0);
    await clock.advance(4999);
    expect([breaker.state, breaker.retryAfter, await call(breaker)]).toEqual(["open", 1, "refused"]);
    await clock.advance(1);
    expect([breaker.state, breaker.retryAfter]).toEqual(["half-open", 0]);
    expect(await call(breaker)).toBe("passed");
  });

  test("ignores the results of calls from before it opened", async () => {
    const breaker = breakerOf({ consecutiveFailures: 2 });
    const earlier = Array.from({ length: 10 }, () => deferred());
    const calls = earlier.map(({ promise }) => call(breaker, () => promise));
    await call(breaker, down, 2);
    earlier.forEach(({ resolve, reject }, index) => (index % 2 === 0 ? resolve() : reject(new TransientError())));
    await Promise.all(calls);
    expect([breaker.state, breaker.retryAfter]).toEqual(["open", 5000]);
  });
});

describe("a half-open breaker", () => {
  test("lets one probe pass, then 2 at once, 4, 8, and closes after ten successes", async () => {
    const breaker = await recovering();
    const at = clock.now();
    const passed: number[] = [];
    while (breaker.state !== "closed" && passed.length < 10) {
      const probes = enterAll(breaker, at);
      passed.push(probes.length);
      leaveAll(breaker, probes, "ok", at);
    }
    expect(passed).toEqual([1, 2, 4, 8]); // 1 + 2 + 4 and three of the 8
    expect(breaker.state).toBe("closed");
  });

  test("lets a place be taken again as soon as it is given back, whatever the outcome", async () => {
    const breaker = await recovering();
    const at = clock.now();
    for (const classification of ["ignore", "overload", "fatal"] as const) {
      const [probe, ...others] = enterAll(breaker, at);
      expect(others).toEqual([]);
      breaker.leave(probe!, classification, at);
      expect(breaker.state).toBe("half-open");
    }
    expect(enterAll(breaker, at)).toHaveLength(1);
  });

  test("says how many are under way, and when a place is free at the latest", async () => {
    const breaker = await recovering({ name: "payments" });
    void call(breaker, () => new Promise(() => {}));
    await clock.advance(1000);
    expect(await outcome(breaker.run(up))).toMatchObject({
      reason: {
        code: "SNOWSHED_CIRCUIT_OPEN",
        message: 'the circuit breaker "payments" is half-open (1 under way): the next call may pass in 4000 ms',
      },
    });
    expect([breaker.state, breaker.retryAfter]).toEqual(["half-open", 4000]);
  });

  test("closes after halfOpenSuccesses, one after the other, too", async () => {
    const breaker = await recovering({ halfOpenSuccesses: 3 });
    await call(breaker, up, 2);
    expect(breaker.state).toBe("half-open");
    await call(breaker);
    expect(breaker.state).toBe("closed");
  });

  test("lets one after the other through while calls never end, and counts those that end in the end", async () => {
    const breaker = await recovering({ halfOpenSuccesses: 1000 });
    const probes: number[] = [];
    for (let lease = 0; lease < 1500; lease++) {
      probes.push(...enterAll(breaker, clock.now()));
      await clock.advance("5s");
    }
    expect(probes).toHaveLength(1500);
    leaveAll(breaker, probes.slice(0, 499), "ok", clock.now()); // So long ago that they are forgotten
    expect(enterAll(breaker, clock.now())).toHaveLength(1);
    leaveAll(breaker, probes.slice(500), "ok", clock.now());
    expect(breaker.state).toBe("closed");
  });

  test("starts a closed period with nothing counted", async () => {
    const breaker = breakerOf({ minimumCalls: 4, consecutiveFailures: 4 });
    await call(breaker, down, 4);
    await recover(breaker);
    await call(breaker, down, 3);
    expect(breaker.state).toBe("closed");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });

  test("opens at the first failure, and then ignores the other probes", async () => {
    const breaker = await recovering();
    const at = clock.now();
    leaveAll(breaker, enterAll(breaker, at), "ok", at);
    const [first, second] = enterAll(breaker, at);
    breaker.leave(first!, "transient", at);
    const { retryAfter } = breaker;
    breaker.leave(second!, "transient", at);
    expect([breaker.state, breaker.retryAfter]).toEqual(["open", retryAfter]);
  });
});

describe("the time it stays open", () => {
  /** Fails its first probe each time, and gives how long it was open then. */
  async function reopenings(breaker: CircuitBreaker, times: number): Promise<number[]> {
    const spans: number[] = [];
    for (let round = 0; round < times; round++) {
      await clock.advance(breaker.retryAfter);
      await call(breaker, down);
      expect(breaker.state).toBe("open");
      spans.push(breaker.retryAfter);
    }
    return spans;
  }

  test("doubles each time a probe fails, ±20 %, up to maxOpenFor", async () => {
    const spans = await reopenings(await opened(), 40);
    [10_000, 20_000, 40_000].forEach((period, index) => {
      expect(spans[index]).toBeGreaterThanOrEqual(0.8 * period);
      expect(spans[index]).toBeLessThanOrEqual(Math.min(60_000, 1.2 * period));
    });
    const later = spans.slice(3);
    expect(Math.min(...later)).toBeGreaterThanOrEqual(48_000);
    expect(Math.max(...later)).toBeLessThanOrEqual(60_000);
    // Spread, also at the top: callers that failed together do not probe together.
    expect(new Set(later).size).toBe(later.length);
  });

  test("is never less than openFor, also when that is all it may be", async () => {
    const breaker = await opened({ openFor: "5s", maxOpenFor: "5s" });
    expect(await reopenings(breaker, 5)).toEqual([5000, 5000, 5000, 5000, 5000]);
  });

  test("goes on doubling when it opens again soon after it closed", async () => {
    const breaker = await opened();
    const [first] = await reopenings(breaker, 1);
    expect(first).toBeGreaterThanOrEqual(8_000);
    await recover(breaker);
    await clock.advance(9_999); // It was last open for 10 s, but for the jitter
    await call(breaker, down);
    expect(breaker.retryAfter).toBeGreaterThanOrEqual(16_000);
  });

  test("starts anew when it was closed for as long as it was last open", async () => {
    const breaker = await opened();
    await reopenings(breaker, 1);
    await recover(breaker);
    await clock.advance(10_000);
    await call(breaker, down);
    expect(breaker.retryAfter).toBe(5_000);
  });

  test("starts anew after close()", async () => {
    const breaker = await opened();
    await reopenings(breaker, 3);
    breaker.close();
    await call(breaker, down);
    expect(breaker.retryAfter).toBe(5_000);
  });

  test("may be longer than a minute: maxOpenFor follows openFor", async () => {
    expect((await opened({ openFor: "5m" })).retryAfter).toBe(300_000);
  });
});

describe("open()", () => {
  test("keeps it open until close(), whatever the time and the results", async () => {
    const breaker = breakerOf({ name: "payments" });
    const earlier = deferred();
    const running = call(breaker, () => earlier.promise);
    breaker.open("maintenance");
    await clock.advance("24h");
    earlier.resolve();
    await running;
    expect([breaker.state, breaker.retryAfter, await call(breaker)]).toEqual(["open", Infinity, "refused"]);
    expect(await outcome(breaker.run(up))).toMatchObject({
      reason: { message: 'the circuit breaker "payments" is open (maintenance): until it is closed by hand' },
    });
    breaker.close();
    expect([breaker.state, breaker.retryAfter, await call(breaker)]).toEqual(["closed", 0, "passed"]);
  });

  test("wins over probes under way", async () => {
    const breaker = await recovering({ halfOpenSuccesses: 1 });
    const probe = breaker.enter(clock.now());
    breaker.open();
    breaker.leave(probe, "ok", clock.now());
    expect([breaker.state, breaker.retryAfter]).toEqual(["open", Infinity]);
  });

  test("of one that has opened by itself keeps it open", async () => {
    const breaker = await opened();
    breaker.open();
    await clock.advance("1h");
    expect([breaker.state, await call(breaker)]).toEqual(["open", "refused"]);
  });
});

describe("close()", () => {
  test("wins over the time it should have stayed open, and over late failures", async () => {
    const breaker = breakerOf({ consecutiveFailures: 2 });
    const late = breaker.enter(0);
    await call(breaker, down, 2);
    breaker.close();
    expect([breaker.state, await call(breaker)]).toEqual(["closed", "passed"]);
    leaveAll(breaker, [late, late, late], "transient", 0);
    expect(breaker.state).toBe("closed");
  });

  test("wins over a probe under way", async () => {
    const breaker = await recovering();
    const probe = breaker.enter(clock.now());
    breaker.close();
    breaker.leave(probe, "transient", clock.now());
    expect(breaker.state).toBe("closed");
  });

  test("of one that is closed forgets what it has counted", async () => {
    const breaker = breakerOf({ consecutiveFailures: 3 });
    await call(breaker, down, 2);
    breaker.close();
    await call(breaker, down, 2);
    expect(breaker.state).toBe("closed");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });
});

describe("onStateChange", () => {
  test("is told each change with its reason, after it, in a microtask", async () => {
    const changes: CircuitStateChange[] = [];
    const breaker = breakerOf({
      consecutiveFailures: 2,
      minimumCalls: 3,
      halfOpenSuccesses: 2,
      onStateChange: (change) => void changes.push(change),
    });
    leaveAll(breaker, [breaker.enter(0), breaker.enter(0)], "transient", 0);
    expect(changes).toEqual([]);
    await clock.advance(breaker.retryAfter);
    expect(breaker.state).toBe("half-open");
    await call(breaker, down);
    await clock.advance(breaker.retryAfter);
    await call(breaker, up, 2);
    for (const task of [up, down, up, down]) await call(breaker, task);
    breaker.open("maintenance");
    breaker.close();
    breaker.close();
    breaker.open();
    breaker.open();
    await drained();
    expect(changes.map(({ from, to, reason }) => `${from} -> ${to}: ${reason}`)).toEqual([
      "closed -> open: consecutive failures",
      "open -> half-open: open time over",
      "half-open -> open: probe failed",
      "open -> half-open: open time over",
      "half-open -> closed: probes succeeded",
      "closed -> open: failure rate",
      "open -> closed: closed by hand",
      "closed -> open: opened by hand",
    ]);
  });

  test("may call the breaker", async () => {
    const breaker = breakerOf({
      consecutiveFailures: 1,
      onStateChange: ({ to }) => {
        if (to === "open") breaker.close();
      },
    });
    await call(breaker, down);
    await drained();
    expect(breaker.state).toBe("closed");
  });
});

describe("a signal", () => {
  test("that has aborted refuses without running the task, and takes no probe", async () => {
    const breaker = await recovering();
    const context = root.withCancel();
    context.cancel();
    for (const signal of [context, AbortSignal.abort()]) {
      expect(await outcome(breaker.run(() => expect.unreachable(), { signal }))).toMatchObject({
        reason: { code: "SNOWSHED_CANCELED" },
      });
    }
    expect(enterAll(breaker, clock.now())).toHaveLength(1);
  });

  test("that aborts does not end the task's place: that is taken until the task ends", async () => {
    const breaker = await recovering();
    const context = root.withCancel();
    const work = deferred();
    const running = breaker.run(() => work.promise, { signal: context });
    context.cancel();
    await drained();
    expect(await call(breaker)).toBe("refused");
    work.reject(context.reason);
    expect(await outcome(running)).toMatchObject({ reason: { code: "SNOWSHED_CANCELED" } });
    expect([breaker.state, await call(breaker)]).toEqual(["half-open", "passed"]); // The caller left: no failure
  });

  test("of a caller whose deadline passes counts as a failure of the service", async () => {
    const breaker = breakerOf({ consecutiveFailures: 1 });
    const context = Context.root({ clock }).withTimeout("1s");
    const running = observe(breaker.run((given) => given.sleep("1h"), { signal: context }));
    await clock.advance("1s");
    expect(running.outcome).toMatchObject({ reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
    expect(breaker.state).toBe("open");
  });
});
