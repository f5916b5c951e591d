// Random programs, each run on the breaker and on a model of it that is slow and obviously right; and from wherever they
// lead, the way back to closed.
import fc from "fast-check";
import type { Clock } from "snowshed";
import { CircuitBreaker, CountWindow } from "snowshed";
import { describe, expect, test } from "vitest";
import type { Classification } from "../../src/overload/classify.ts";
import { drained } from "../support/promises.ts";

const classifications = ["ok", "ignore", "transient", "overload", "fatal"] as const;

interface Call {
  readonly period: object;
  readonly began: number;
  ended: boolean;
}

const settings = { minimumCalls: 5, failureRate: 0.5, consecutiveFailures: 3, halfOpenSuccesses: 6, size: 8 };
const openFor = 5000;
const maxOpenFor = 30_000;

/** What the breaker should do. All it knows is a list of what happened. */
class Model {
  now = 0;
  /** Of the clock's randomness. */
  random = 0.5;
  state: "closed" | "open" | "half-open" = "closed";
  period: object = {};
  calls: Call[] = [];
  /** Of this closed period. */
  outcomes: boolean[] = [];
  successes = 0;
  opensAt = 0;
  openPeriod = 0;
  closedAt = Number.NEGATIVE_INFINITY;
  readonly changes: string[] = [];

  change(state: Model["state"]): void {
    if (state !== this.state) this.changes.push(`${this.state} -> ${state}`);
    this.state = state;
    this.period = {};
    this.outcomes = [];
    this.successes = 0;
  }

  get due(): boolean {
    return this.state === "open" && this.now >= this.opensAt;
  }

  /** Probes that have a place. */
  get probes(): Call[] {
    return this.calls.filter(
      ({ period, ended, began }) => period === this.period && !ended && this.now - began < openFor,
    );
  }

  /** 1 until one success, 2 until three, 4 until seven. */
  get ramp(): number {
    let ramp = 1;
    while (2 * ramp - 1 <= this.successes) ramp *= 2;
    return ramp;
  }

  enter(): Call | undefined {
    if (this.due) this.change("half-open");
    if (this.state === "open" || (this.state === "half-open" && this.probes.length >= this.ramp)) return undefined;
    const call = { period: this.period, began: this.now, ended: false };
    this.calls.push(call);
    return call;
  }

  leave(call: Call, classification: Classification): void {
    call.ended = true;
    if (call.period !== this.period) return;
    if (this.state === "half-open") {
      if (classification === "transient") this.reopen();
      if (classification === "ok" && ++this.successes === settings.halfOpenSuccesses) {
        this.closedAt = this.now;
        this.change("closed");
      }
    } else if (classification === "ok") {
      this.outcomes.push(true);
    } else if (classification === "transient") {
      this.outcomes.push(false);
      const last = this.outcomes.slice(-settings.size);
      const rate = last.filter((good) => !good).length / last.length;
      const row = this.outcomes.slice(-settings.consecutiveFailures);
      const inARow = row.length === settings.consecutiveFailures && !row.some(Boolean);
      if (inARow || (last.length >= settings.minimumCalls && rate >= settings.failureRate)) this.trip();
    }
  }

  trip(): void {
    if (this.now - this.closedAt < this.openPeriod) return this.reopen();
    this.openPeriod = openFor;
    this.opensAt = this.now + openFor;
    this.change("open");
  }

  reopen(): void {
    this.openPeriod = Math.min(this.openPeriod * 2, maxOpenFor);
    const [least, most] = [0.8 * this.openPeriod, Math.min(1.2 * this.openPeriod, maxOpenFor)];
    this.opensAt = this.now + least + this.random * (most - least);
    this.change("open");
  }

  open(): void {
    this.opensAt = Number.POSITIVE_INFINITY;
    if (this.state !== "open") this.change("open");
  }

  close(): void {
    this.openPeriod = 0;
    this.closedAt = Number.NEGATIVE_INFINITY;
    this.change("closed");
  }
}

/** Told only of a difference: `expect()` itself is what would take the time. */
function same(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) expect(actual).toBe(expected);
}

/** A breaker beside its model, with the calls under way in both. */
class Pair {
  readonly model = new Model();
  readonly changes: string[] = [];
  readonly #clock: Clock = {
    now: () => this.model.now,
    date: () => this.model.now,
    random: () => this.model.random,
    setTimeout: () => expect.unreachable("a timer was set"),
  };
  readonly breaker: CircuitBreaker;
  running: { readonly epoch: number; readonly call: Call }[] = [];

  constructor() {
    const { size, ...rest } = settings;
    this.breaker = new CircuitBreaker({
      ...rest,
      openFor,
      maxOpenFor,
      window: new CountWindow(size),
      clock: this.#clock,
      onStateChange: ({ from, to }) => this.changes.push(`${from} -> ${to}`),
    });
  }

  enter(): boolean {
    const call = this.model.enter();
    const epoch = this.breaker.enter(this.model.now);
    same(epoch >= 0, call !== undefined);
    if (call === undefined) return false;
    this.running.push({ epoch, call });
    return true;
  }

  leave(index: number, classification: Classification): void {
    const [entry] = this.running.splice(index, 1);
    if (entry === undefined) return;
    this.model.leave(entry.call, classification);
    this.breaker.leave(entry.epoch, classification, this.model.now);
  }

  compare(): void {
    const { model, breaker } = this;
    same(breaker.state, model.due ? "half-open" : model.state);
    const free =
      model.state === "closed" || model.due || (model.state === "half-open" && model.ramp > model.probes.length);
    same(breaker.retryAfter === 0, free);
    if (model.state === "half-open") same(model.probes.length <= model.ramp, true);
  }
}

type Command = (pair: Pair) => void;

const often = (command: fc.Arbitrary<Command>, weight: number): fc.WeightedArbitrary<Command> => ({
  arbitrary: command,
  weight,
});

const command: fc.Arbitrary<Command> = fc.oneof(
  often(
    fc.constant((pair) => void pair.enter()),
    10,
  ),
  often(
    fc.tuple(fc.nat({ max: 5 }), fc.constantFrom("ok", "transient", ...classifications)).map(
      ([index, classification]) =>
        (pair) =>
          pair.leave(index, classification),
    ),
    10,
  ),
  // A burst of calls that all end alike: what leads into and out of the states.
  often(
    fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom("ok", "transient"))
      .map(([times, classification]) => (pair) => {
        for (let index = 0; index < times; index++) {
          if (pair.enter()) pair.leave(pair.running.length - 1, classification);
        }
      }),
    6,
  ),
  often(
    fc
      .tuple(fc.constantFrom(1, 100, 2500, 5000, 12_000, 40_000), fc.double({ min: 0, max: 0.999, noNaN: true }))
      .map(([ms, random]) => (pair) => {
        pair.model.now += ms;
        pair.model.random = random;
      }),
    8,
  ),
  often(
    fc.constant((pair) => {
      pair.model.open();
      pair.breaker.open();
    }),
    1,
  ),
  often(
    fc.constant((pair) => {
      pair.model.close();
      pair.breaker.close();
    }),
    1,
  ),
);

const programs = fc.array(command, { maxLength: 150, size: "max" });

describe("the breaker", () => {
  test("does what the model does, step by step", { timeout: 30_000 }, async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const pair = new Pair();
        for (const step of program) {
          step(pair);
          pair.compare();
        }
        await drained();
        expect(pair.changes).toEqual(pair.model.changes);
        for (const change of pair.changes) seen.add(change);
      }),
      { numRuns: 300 },
    );
    // The programs led everywhere.
    expect([...seen].toSorted()).toEqual([
      "closed -> open",
      "half-open -> closed",
      "half-open -> open",
      "open -> closed",
      "open -> half-open",
    ]);
  });

  test(
    "is closed again from wherever it is, after enough time and successes, with calls that never end",
    { timeout: 30_000 },
    () => {
      fc.assert(
        fc.property(programs, (program) => {
          const pair = new Pair();
          for (const step of program) step(pair);
          const { breaker, model } = pair;
          if (breaker.retryAfter === Number.POSITIVE_INFINITY) return; // By hand: for ever is what was asked for
          let calls = 0;
          // The calls that are still running never end.
          for (let round = 0; breaker.state !== "closed" && round < 100; round++) {
            model.now += Math.max(0, breaker.retryAfter);
            const epoch = breaker.enter(model.now);
            expect(epoch).toBeGreaterThanOrEqual(0);
            calls++;
            breaker.leave(epoch, "ok", model.now);
          }
          expect(breaker.state).toBe("closed");
          expect(calls).toBeLessThanOrEqual(settings.halfOpenSuccesses);
        }),
        { numRuns: 300 },
      );
    },
  );

  test("closes also if every call takes longer than it is open, and calls come all the time", () => {
    let now = 0;
    const clock: Clock = { now: () => now, date: () => now, random: () => 0.5, setTimeout: () => expect.unreachable() };
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, clock });
    breaker.leave(breaker.enter(now), "transient", now);
    const running: { readonly epoch: number; readonly ends: number }[] = [];
    for (; breaker.state !== "closed" && now < 600_000; now += 100) {
      const epoch = breaker.enter(now);
      if (epoch !== -1) running.push({ epoch, ends: now + 12_000 });
      while (running[0] !== undefined && running[0].ends <= now) breaker.leave(running.shift()!.epoch, "ok", now);
    }
    expect(breaker.state).toBe("closed");
  });

  test("survives a clock that is set back by an hour, in every state", { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(programs, (program) => {
        const pair = new Pair();
        pair.model.now = 3_600_000;
        for (const step of program) step(pair);
        const { breaker, model } = pair;
        if (breaker.retryAfter === Number.POSITIVE_INFINITY) return;
        model.now -= 3_600_000;
        expect(breaker.retryAfter).toBeLessThanOrEqual(maxOpenFor);
        for (let round = 0; breaker.state !== "closed" && round < 100; round++) {
          model.now += breaker.retryAfter;
          const epoch = breaker.enter(model.now);
          if (epoch !== -1) breaker.leave(epoch, "ok", model.now);
        }
        expect(breaker.state).toBe("closed");
        expect(model.now).toBeLessThan(3_600_000);
      }),
      { numRuns: 100 },
    );
  });
});
