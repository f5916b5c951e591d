// Options that make no sense, and foreign code that fails: refused at the door, or survived with no place lost.
import type { CircuitBreakerOptions, CircuitState, Clock, OutcomeWindow } from "snowshed";
import { CircuitBreaker, CountWindow } from "snowshed";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";
import { drained, outcome } from "../support/promises.ts";
import { call, down, enterAll, up } from "./breaker-calls.ts";

useFakeTime();

const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };

describe("a breaker is refused", () => {
  test.each<readonly [string, object, typeof RangeError | typeof TypeError]>([
    ...["minimumCalls", "consecutiveFailures", "halfOpenSuccesses"].flatMap((option) =>
      [0, -1, 1.5, Number.NaN, 2 ** 53].map(
        (value) => [`${option} ${value}`, { [option]: value }, RangeError] as const,
      ),
    ),
    ["minimumCalls Infinity", { minimumCalls: Infinity }, RangeError],
    ["halfOpenSuccesses Infinity", { halfOpenSuccesses: Infinity }, RangeError],
    ["minimumCalls as text", { minimumCalls: "20" }, TypeError],
    ...[0, -0.5, 1.01, 50, Number.NaN, Infinity].map(
      (failureRate) => [`failureRate ${failureRate}`, { failureRate }, RangeError] as const,
    ),
    ["failureRate as text", { failureRate: "50%" }, TypeError],
    ...[0, -1, 0.5, Number.NaN, Infinity, "soon"].map(
      (openFor) => [`openFor ${openFor}`, { openFor }, RangeError] as const,
    ),
    ["maxOpenFor below openFor", { openFor: "10s", maxOpenFor: "9s" }, RangeError],
    ["maxOpenFor Infinity", { maxOpenFor: Infinity }, RangeError],
    ["maxOpenFor NaN", { maxOpenFor: Number.NaN }, RangeError],
    ["minimumCalls above what its window holds", { minimumCalls: 11, window: new CountWindow(10) }, RangeError],
    ["a window that is none", { window: 100 }, TypeError],
    ["null as window", { window: null }, TypeError],
    ["classify that is no function", { classify: "transient" }, TypeError],
    ["onStateChange that is no function", { onStateChange: {} }, TypeError],
  ])("with %s", (_name, options, expected) => {
    expect(() => new CircuitBreaker(options)).toThrow(expected);
    expect(() => new CircuitBreaker(options)).toThrow(expect.objectContaining(invalid));
  });

  test("with none of these: every option at its limit is accepted", () => {
    const options: CircuitBreakerOptions = {
      minimumCalls: 1,
      failureRate: 1,
      consecutiveFailures: Infinity,
      halfOpenSuccesses: 1,
      openFor: 1,
      maxOpenFor: 1,
    };
    expect(new CircuitBreaker(options).state).toBe("closed");
  });
});

/** Half-open, with one place. */
async function recovering(options: CircuitBreakerOptions = {}): Promise<CircuitBreaker> {
  const breaker = new CircuitBreaker({ clock, consecutiveFailures: 1, ...options });
  breaker.leave(breaker.enter(clock.now()), "transient", clock.now());
  await clock.advance(breaker.retryAfter);
  expect(breaker.state).toBe("half-open");
  return breaker;
}

describe("run()", () => {
  test("rejects what is no task or no signal, and takes no place", async () => {
    const breaker = await recovering();
    expect(await outcome(breaker.run("task" as never))).toMatchObject({ reason: invalid });
    expect(await outcome(breaker.run(up, { signal: {} as never }))).toMatchObject({ reason: invalid });
    expect(enterAll(breaker, clock.now())).toHaveLength(1);
  });

  test("rejects when its task throws at once, and counts it", async () => {
    const breaker = new CircuitBreaker({ clock, consecutiveFailures: 2 });
    const throwing = (): never => {
      throw new Error("at once");
    };
    expect(await outcome(breaker.run(throwing))).toMatchObject({ reason: { message: "at once" } });
    await call(breaker, throwing);
    expect(breaker.state).toBe("open");
  });

  test("counts what is thrown and no error as a failure", async () => {
    const breaker = new CircuitBreaker({ clock, consecutiveFailures: 2 });
    await call(breaker, () => Promise.reject(undefined));
    expect(await outcome(breaker.run(() => Promise.reject(0)))).toMatchObject({ reason: 0 });
    expect(breaker.state).toBe("open");
  });
});

describe("a classifier that throws", () => {
  const broken = new Error("undefined is not a function");
  const classify = (): never => {
    throw broken;
  };

  test.each([
    ["of an error", down],
    ["of a value", (): object => ({})],
  ])("%s: the call rejects and says so, counts for nothing, and no place is lost", async (_of, task) => {
    const breaker = await recovering({ classify });
    for (let round = 0; round < 20; round++) {
      const rejected = await outcome<unknown>(breaker.run<unknown>(task));
      expect(rejected).toMatchObject({ reason: { code: "SNOWSHED_CLASSIFIER_FAILED" } });
      const { cause } = (rejected as { reason: Error }).reason;
      expect((cause as AggregateError).errors).toContain(broken);
      expect(breaker.state).toBe("half-open");
    }
    expect(enterAll(breaker, clock.now())).toHaveLength(1);
  });

  test("in closed state opens nothing", async () => {
    const breaker = new CircuitBreaker({ clock, consecutiveFailures: 1, minimumCalls: 1, classify });
    await call(breaker, down, 10);
    expect(breaker.state).toBe("closed");
  });
});

describe("an onStateChange that throws", () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  let listeners: NodeJS.UncaughtExceptionListener[];

  beforeEach(() => {
    uncaught.length = 0;
    listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", note);
  });

  afterEach(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  });

  test("is reported as uncaught, and changes nothing for the breaker and the call", async () => {
    const error = new Error("the dashboard is down");
    const breaker = new CircuitBreaker({
      clock,
      consecutiveFailures: 1,
      halfOpenSuccesses: 1,
      onStateChange: () => {
        throw error;
      },
    });
    expect(await outcome(breaker.run(down))).toMatchObject({ reason: { message: "down" } });
    expect(breaker.state).toBe("open");
    await clock.advance("5s");
    expect(await breaker.run(up)).toBe("up");
    expect(breaker.state).toBe("closed");
    await drained();
    expect(uncaught).toEqual([error, error, error]);
  });
});

describe("readings and results that make no sense", () => {
  test("NaN for a time neither opens it nor keeps it open", () => {
    const breaker = new CircuitBreaker({ clock, minimumCalls: 2, halfOpenSuccesses: 1 });
    breaker.leave(breaker.enter(Number.NaN), "transient", Number.NaN);
    expect(breaker.state).toBe("closed");
    breaker.leave(breaker.enter(Number.NaN), "transient", Number.NaN);
    const probe = breaker.enter(Number.NaN);
    expect(probe).toBeGreaterThan(0);
    breaker.leave(probe, "ok", Number.NaN);
    expect([breaker.state, breaker.retryAfter]).toEqual(["closed", 0]);
  });

  test("a random number that is none does not keep it open", async () => {
    const breaker = await recovering({
      clock: Object.assign(Object.create(clock) as Clock, { random: () => Number.NaN, now: () => clock.now() }),
    });
    breaker.leave(breaker.enter(clock.now()), "transient", clock.now());
    expect(breaker.enter(clock.now() + 60_000)).toBeGreaterThan(0);
  });

  test("a probe that ends twice counts once", async () => {
    const breaker = await recovering({ halfOpenSuccesses: 2 });
    const [probe] = enterAll(breaker, clock.now());
    breaker.leave(probe!, "ok", clock.now());
    breaker.leave(probe!, "ok", clock.now());
    breaker.leave(probe!, "transient", clock.now());
    expect(breaker.state).toBe("half-open");
  });

  test("a window that counts wrongly opens and breaks nothing else", async () => {
    const window: OutcomeWindow = { record() {}, total: () => Number.NaN, failures: () => Number.NaN, reset() {} };
    const breaker = new CircuitBreaker({ clock, window });
    await call(breaker, down, 4);
    expect(breaker.state).toBe("closed");
    await call(breaker, down);
    expect(breaker.state).toBe("open");
  });
});

test("the types accept what the options say", () => {
  expectTypeOf<CircuitBreaker["state"]>().toEqualTypeOf<CircuitState>();
  expectTypeOf(new CircuitBreaker().run(() => 1)).toEqualTypeOf<Promise<number>>();
  expectTypeOf(new CircuitBreaker().run(async () => "a" as const)).toEqualTypeOf<Promise<"a">>();
  expectTypeOf<CountWindow>().toExtend<NonNullable<CircuitBreakerOptions["window"]>>();
});
