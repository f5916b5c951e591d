// Random programs, each run on the group and on a model of it that is slow and obviously right; and tasks that end in
// every order that a scheduler can find.
import fc from "fast-check";
import { Context, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained, observe } from "../support/promises.ts";

type Fate = "pending" | "fulfilled" | "canceled" | readonly number[];

/** Remembers every waiter, and every failure by its number. */
class Model {
  count = 0;
  failures: number[] = [];
  readonly fates: Fate[] = [];

  wait(canceled: boolean): void {
    this.fates.push(canceled ? "canceled" : "pending");
    if (!canceled && this.count === 0) this.release();
  }

  release(): void {
    const waiting = [...this.fates.keys()].filter((id) => this.fates[id] === "pending");
    for (const id of waiting) this.fates[id] = this.failures.length > 0 ? this.failures : "fulfilled";
    if (waiting.length > 0) this.failures = [];
  }

  /** Whether that is legal. */
  add(delta: number): boolean {
    if (this.count + delta < 0) return false;
    this.count += delta;
    if (this.count === 0 && delta < 0) this.release();
    return true;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ kind: fc.constant("wait" as const), by: fc.constantFrom(0, 1) }),
  fc.record({
    kind: fc.constantFrom("go" as const, "end" as const, "fail" as const, "cancel" as const),
    by: fc.nat(9),
  }),
);

function agreement(make: () => WaitGroup) {
  return fc.asyncProperty(fc.array(step, { maxLength: 30, size: "max" }), async (steps) => {
    const model = new Model();
    const real = make();
    const waits: { readonly id: number; readonly signal: boolean; readonly seen: ReturnType<typeof observe> }[] = [];
    const running: Deferred<void>[] = [];
    let context = Context.background.withCancel();
    let failed = 0;
    let unaccounted = 0;
    for (const { kind, by } of steps) {
      switch (kind) {
        case "add": {
          // What go() counted is for go() to count down.
          if (by < 0 && unaccounted + by < 0 && model.count + by >= 0) continue;
          if (model.add(by)) {
            real.add(by);
            unaccounted += by;
          } else expect(() => real.add(by)).toThrow(expect.objectContaining({ code: "SNOWSHED_NEGATIVE_COUNTER" }));
          break;
        }
        case "wait": {
          const signal = by === 1;
          waits.push({ id: model.fates.length, signal, seen: observe(real.wait(signal ? { signal: context } : {})) });
          model.wait(false);
          break;
        }
        case "go": {
          const body = deferred();
          running.push(body);
          real.go(() => body.promise);
          model.add(1);
          break;
        }
        case "end":
        case "fail": {
          const [body] = running.splice(by % Math.max(1, running.length), 1);
          if (body === undefined) continue;
          if (kind === "fail") {
            model.failures.push(failed);
            body.reject(failed++);
          } else body.resolve();
          await drained();
          model.add(-1);
          break;
        }
        case "cancel":
          for (const { id, signal } of waits) if (signal && model.fates[id] === "pending") model.fates[id] = "canceled";
          context.cancel();
          context = Context.background.withCancel();
          break;
      }
      expect(real.count).toBe(model.count);
      await drained();
      expect(waits.map(({ seen }) => fate(seen.outcome))).toEqual(model.fates);
    }
    // Everything ends, and a last wait() is told what nobody has been told.
    waits.push({ id: model.fates.length, signal: false, seen: observe(real.wait()) });
    model.wait(false);
    real.add(-unaccounted);
    model.add(-unaccounted);
    for (const body of running) {
      body.resolve();
      await drained();
      model.add(-1);
    }
    await drained();
    expect(waits.map(({ seen }) => fate(seen.outcome))).toEqual(model.fates);
    expect(model.fates).not.toContain("pending");
    expect(real.count).toBe(0);
  });
}

function fate(outcome: ReturnType<typeof observe>["outcome"]): Fate {
  if (outcome.status !== "rejected") return outcome.status;
  const { reason } = outcome;
  if (typeof reason === "number") return [reason];
  return reason instanceof AggregateError ? (reason.errors as number[]) : "canceled";
}

/** Tells only the first error, as errgroup does. */
class FirstOnly extends WaitGroup {
  override async wait(options?: Parameters<WaitGroup["wait"]>[0]): Promise<void> {
    await super.wait(options).catch((error: unknown) => {
      throw error instanceof AggregateError ? error.errors[0] : error;
    });
  }
}

/** Lets the counter go below 0 without a word. */
class Silent extends WaitGroup {
  override add(delta: number = 1): void {
    if (this.count + delta >= 0) super.add(delta);
  }
}

/** Does not wait for more than two. */
class Hasty extends WaitGroup {
  override wait(options?: Parameters<WaitGroup["wait"]>[0]): Promise<void> {
    return this.count > 2 ? Promise.resolve() : super.wait(options);
  }
}

describe("a wait group", () => {
  test("does what its model does, step by step", async () => {
    await fc.assert(
      agreement(() => new WaitGroup()),
      { numRuns: 150 },
    );
  });

  test.each([
    ["tells only the first error", FirstOnly],
    ["says nothing about a counter below 0", Silent],
    ["releases too early", Hasty],
  ])("that %s is found out", async (_defect, Defective) => {
    const property = agreement(() => new Defective());
    expect((await fc.check(property, { numRuns: 1000, endOnFailure: true })).failed).toBe(true);
  });
});

describe("tasks that start tasks", () => {
  const sizes = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 });

  test("are all waited for, in every interleaving, and every error is told", async () => {
    const property = fc.asyncProperty(fc.scheduler(), sizes, async (scheduler, children) => {
      const group = new WaitGroup();
      let started = 0;
      let ended = 0;
      const task = (left: number) => async (): Promise<void> => {
        const id = started++;
        await scheduler.schedule(Promise.resolve(), "work");
        for (let child = 0; child < left; child++) group.go(task(child));
        await scheduler.schedule(Promise.resolve(), "end");
        ended++;
        if (id % 2 === 1) throw new Error(String(id));
      };
      for (const count of children) group.go(task(count));
      const waiting = observe(group.wait().finally(() => expect(ended).toBe(started)));
      await scheduler.waitIdle();
      await drained();
      expect([group.count, ended]).toEqual([0, started]);
      const { status, reason } = waiting.outcome as { readonly status: string; readonly reason?: unknown };
      const errors = reason instanceof AggregateError ? reason.errors : reason === undefined ? [] : [reason];
      expect([status === "rejected", errors.length]).toEqual([started > 1, Math.floor(started / 2)]);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
