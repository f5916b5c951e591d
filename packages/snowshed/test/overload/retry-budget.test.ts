// Earning and taking, the promise against a list of everything, misuse.
import fc from "fast-check";
import type { Clock, RetryBudgetOptions } from "snowshed";
import { RetryBudget } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

function budgetOf(options: RetryBudgetOptions = {}): RetryBudget {
  return new RetryBudget({ minimumPerSecond: 0, clock, ...options });
}

function deposit(budget: RetryBudget, times: number): void {
  for (let call = 0; call < times; call++) budget.deposit();
}

/** How many it gives before it refuses. */
function takeAll(budget: RetryBudget): number {
  let taken = 0;
  while (taken < 100_000 && budget.tryWithdraw()) taken++;
  return taken;
}

describe("a budget", () => {
  test("gives one extra attempt for ten first ones, and ten in ten seconds without any", () => {
    const budget = new RetryBudget({ clock });
    expect([budget.ratio, budget.balance]).toEqual([0.1, 10]);
    deposit(budget, 100);
    expect(budget.balance).toBe(20);
    expect(takeAll(budget)).toBe(20);
    expect([budget.balance, budget.tryWithdraw()]).toEqual([0, false]);
  });

  test.each([
    [0.1, 30, 3],
    [0.29, 100, 29],
    [0.7, 10, 7],
    [1 / 3, 3, 1],
    [2, 3, 6],
    [0, 1000, 0],
  ])("of ratio %d gives for %i first attempts %i", (ratio, first, extra) => {
    const budget = budgetOf({ ratio });
    deposit(budget, first);
    expect(budget.balance).toBe(extra);
    expect(takeAll(budget)).toBe(extra);
  });

  test("that nobody pays into gives what minimumPerSecond says", async () => {
    const budget = budgetOf({ minimumPerSecond: 0.5, window: "10s" });
    expect(takeAll(budget)).toBe(5);
    await clock.advance("9s");
    expect(takeAll(budget)).toBe(0);
    await clock.advance("2s");
    expect(takeAll(budget)).toBe(5);
  });

  test("of nothing gives nothing", async () => {
    const budget = budgetOf({ ratio: 0 });
    deposit(budget, 1000);
    await clock.advance("1m");
    expect(takeAll(budget)).toBe(0);
  });

  test("forgets credit that was not used within the window", async () => {
    const budget = budgetOf();
    deposit(budget, 100);
    await clock.advance(9_000);
    expect(budget.balance).toBe(10);
    await clock.advance(1_000);
    expect([budget.balance, budget.tryWithdraw()]).toEqual([0, false]);
  });

  test("does not give the same credit twice", async () => {
    const budget = budgetOf();
    deposit(budget, 100);
    expect(takeAll(budget)).toBe(10);
    await clock.advance(9_000);
    expect(takeAll(budget)).toBe(0);
    deposit(budget, 50);
    expect(takeAll(budget)).toBe(5);
    await clock.advance(1_100); // What earned the ten is out of the window, and so nearly are they
    expect([budget.balance, takeAll(budget)]).toEqual([0, 0]); // A debt of ten is none that is shown
  });

  test("charges a retry before its backoff: as many as there are may wait, and no more", () => {
    const budget = budgetOf();
    deposit(budget, 20);
    const waiting = Array.from({ length: 20 }, () => budget.tryWithdraw());
    expect(waiting.filter(Boolean)).toHaveLength(2);
  });

  test("is not harmed by a clock that goes back, and lets nothing more out for it", () => {
    let now = 3_600_000;
    const jumping = Object.assign(Object.create(clock) as Clock, { now: () => now });
    const budget = new RetryBudget({ minimumPerSecond: 0, clock: jumping });
    deposit(budget, 100);
    expect(takeAll(budget)).toBe(10);
    now = 0;
    expect(takeAll(budget)).toBe(0);
    deposit(budget, 100);
    expect(takeAll(budget)).toBe(10);
    now = 11_000;
    deposit(budget, 100);
    expect(takeAll(budget)).toBe(10);
  });
});

describe("the promise", () => {
  const actions = fc.array(
    fc.record({ after: fc.nat({ max: 700 }), first: fc.nat({ max: 30 }), extra: fc.nat({ max: 20 }) }),
    { maxLength: 80 },
  );
  const shape = fc.record({
    ratio: fc.constantFrom(0, 0.1, 0.25, 0.5, 1),
    minimumPerSecond: fc.constantFrom(0, 0.5, 1, 3),
    window: fc.constantFrom(100, 333, 1000, 2500),
  });
  const between = (times: readonly number[], from: number, to: number): number =>
    times.filter((at) => at > from && at <= to).length;

  test("holds: in the window before any moment at which it gives, and in any longer time", { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(shape, actions, ({ ratio, minimumPerSecond, window }, program) => {
        const budget = new RetryBudget({ ratio, minimumPerSecond, window });
        const deposits: number[] = [];
        const withdrawals: number[] = [];
        let at = 0;
        for (const { after, first, extra } of program) {
          at += after;
          for (let call = 0; call < first; call++) {
            budget.depositAt(at);
            deposits.push(at);
          }
          for (let call = 0; call < extra; call++) {
            if (!budget.tryWithdrawAt(at)) continue;
            withdrawals.push(at);
            const earned = ratio * between(deposits, at - window, at) + (minimumPerSecond * window) / 1000;
            const given = between(withdrawals, at - window, at);
            if (given > earned + 1e-6) expect(given).toBeLessThanOrEqual(earned);
          }
        }
        for (const from of [0, ...withdrawals.slice(0, 20)]) {
          for (const to of withdrawals.slice(-20)) {
            const seconds = Math.max(0, to - from + window) / 1000;
            const earned = ratio * between(deposits, from - window, to) + minimumPerSecond * seconds;
            expect(between(withdrawals, from, to)).toBeLessThanOrEqual(earned + 1e-6);
          }
        }
      }),
    );
  });

  test("holds to the millisecond, where slices begin and end", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 7 }), { minLength: 100, maxLength: 300 }), (pauses) => {
        const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 50, window: 100 });
        const withdrawals: number[] = [];
        let at = 0;
        for (const pause of pauses) {
          at += pause;
          if (budget.tryWithdrawAt(at)) withdrawals.push(at);
        }
        for (const to of withdrawals) expect(between(withdrawals, to - 100, to)).toBeLessThanOrEqual(5);
      }),
    );
  });

  test("is not kept by giving nothing: what is asked for steadily is given, but for a slice", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.constantFrom(0.1, 0.2, 0.5), (perTick, ratio) => {
        const budget = new RetryBudget({ ratio, minimumPerSecond: 0, window: 1000 });
        let given = 0;
        for (let at = 0; at < 20_000; at += 10) {
          for (let call = 0; call < perTick; call++) budget.depositAt(at);
          while (budget.tryWithdrawAt(at)) given++;
        }
        const earned = ratio * perTick * 2000;
        expect(given).toBeLessThanOrEqual(earned);
        expect(given).toBeGreaterThan(0.9 * earned);
      }),
      { numRuns: 20 },
    );
  });
});

describe("a budget is refused", () => {
  test.each<readonly [string, object, typeof RangeError | typeof TypeError]>([
    ["a negative ratio", { ratio: -0.1 }, RangeError],
    ["ratio NaN", { ratio: Number.NaN }, RangeError],
    ["an endless ratio", { ratio: Number.POSITIVE_INFINITY }, RangeError],
    ["a text as ratio", { ratio: "0.1" }, TypeError],
    ["a negative minimum", { minimumPerSecond: -1 }, RangeError],
    ["minimum NaN", { minimumPerSecond: Number.NaN }, RangeError],
    ["an endless minimum", { minimumPerSecond: Number.POSITIVE_INFINITY }, RangeError],
    ["null as minimum", { minimumPerSecond: null }, TypeError],
    ["window 0", { window: 0 }, RangeError],
    ["a negative window", { window: "-10s" }, RangeError],
    ["an endless window", { window: Number.POSITIVE_INFINITY }, RangeError],
    ["a window of another form", { window: "ten" }, RangeError],
  ])("with %s", (_name, options, expected) => {
    expect(() => new RetryBudget(options)).toThrow(expected);
    expect(() => new RetryBudget(options)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  });
});
