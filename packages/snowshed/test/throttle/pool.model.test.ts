// Random programs, on the pool and on a model of it that is slow and obviously right; and any interleaving of what takes
// time, with failures.
import fc from "fast-check";
import type { CancelContext } from "snowshed";
import { CanceledError, Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import type { PoolPermit } from "snowshed/throttle";
import { Pool } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { drained } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";

const bands = ["critical", "high", "normal", "low"] as const;

type Fate = "waiting" | "held" | "returned" | "refused" | "canceled";

interface Caller {
  readonly id: number;
  readonly band: number;
  readonly source: number | null;
  fate: Fate;
  /** Served in this tick by one that was made or given back: an abort still undoes it. */
  fresh: boolean;
}

/** Where `create` and `destroy` answer at once. */
class Model {
  readonly callers: Caller[] = [];
  idle = 0;
  readonly #max: number;
  readonly #maxQueue: number;

  constructor(max: number, maxQueue: number) {
    this.#max = max;
    this.#maxQueue = maxQueue;
  }

  with(fate: Fate): Caller[] {
    return this.callers.filter((caller) => caller.fate === fate);
  }

  order(): Caller[] {
    return bands.flatMap((_, band) => this.with("waiting").filter((caller) => caller.band === band));
  }

  come(band: number, source: number | null): Caller {
    const caller: Caller = { id: this.callers.length, band, source, fate: "held", fresh: this.idle === 0 };
    if (this.with("held").length >= this.#max) {
      caller.fate = "waiting";
      if (this.with("waiting").length >= this.#maxQueue) {
        const last = this.order().findLast((other) => other.band > band) ?? caller;
        last.fate = "refused";
      }
    } else if (this.idle > 0) this.idle--;
    this.callers.push(caller);
    return caller;
  }

  leave(caller: Caller, fate: "returned" | "canceled", kept: boolean = true): void {
    caller.fate = fate;
    const next = this.order()[0];
    if (next === undefined) {
      if (kept) this.idle++;
      return;
    }
    next.fate = "held";
    next.fresh = true;
  }

  abort(source: number): void {
    for (const caller of this.with("waiting")) if (caller.source === source) caller.fate = "canceled";
    for (const caller of this.callers) {
      if (caller.source === source && caller.fresh && caller.fate === "held") this.leave(caller, "canceled");
    }
  }
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      band: fc.nat(3),
      source: fc.option(fc.nat(2), { nil: null }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("release" as const, "destroy" as const), index: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), source: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("tick" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const seen = { held: 0, refused: 0, canceled: 0, calledOff: 0, destroyed: 0 };

async function compare(max: number, maxQueue: number, steps: readonly Step[], model: Model): Promise<void> {
  const recorded = new RecordedHooks();
  installHooks(recorded);
  const clock = new FakeClock();
  const root = Context.root({ clock });
  const alive = new Set<object>();
  const create = (): object => {
    const resource = {};
    alive.add(resource);
    expect(alive.size).toBeLessThanOrEqual(max);
    return resource;
  };
  const pool = new Pool({ create, destroy: (resource) => alive.delete(resource), max, maxQueue, clock });
  const sources: CancelContext[] = [0, 1, 2].map(() => root.withCancel());
  const permits = new Map<number, PoolPermit<object>>();
  const fates = new Map<number, Fate>();
  const follow = (id: number, promise: Promise<PoolPermit<object>>): void => {
    promise.then(
      (permit) => {
        permits.set(id, permit);
        fates.set(id, "held");
      },
      (error: unknown) => fates.set(id, error instanceof CanceledError ? "canceled" : "refused"),
    );
  };
  const tick = async (): Promise<void> => {
    await drained();
    for (const caller of model.callers) {
      caller.fresh = false;
      const want = caller.fate === "returned" ? "held" : caller.fate;
      expect([caller.id, fates.get(caller.id) ?? "waiting"]).toEqual([caller.id, want]);
    }
  };
  for (const next of [...steps, { kind: "tick" } as const]) {
    if (next.kind === "tick") await tick();
    else if (next.kind === "acquire") {
      const source = next.source === null ? undefined : sources[next.source];
      const caller = model.come(next.band, next.source);
      seen[caller.fate === "held" || caller.fate === "refused" ? caller.fate : "held"]++;
      follow(caller.id, pool.permit({ priority: bands[next.band]!, ...(source && { signal: source }) }));
    } else if (next.kind === "abort") {
      seen.calledOff += model.with("held").filter((each) => each.fresh && each.source === next.source).length;
      seen.canceled += model.with("waiting").filter((each) => each.source === next.source).length;
      model.abort(next.source);
      sources[next.source]!.cancel();
      sources[next.source] = root.withCancel();
      // Contexts are told apart by their place: whoever is left has gone on, or must not be told again.
      for (const [index, caller] of model.callers.entries()) {
        if (caller.source === next.source) model.callers[index] = { ...caller, source: null };
      }
    } else {
      const holders = model.with("held").filter(({ id, fresh }) => !fresh && permits.has(id));
      const holder = holders[next.index % holders.length];
      if (holder === undefined) continue;
      if (next.kind === "destroy") seen.destroyed++;
      model.leave(holder, "returned", next.kind === "release");
      permits.get(holder.id)![next.kind]();
      permits.get(holder.id)!.release();
    }
    expect([pool.held, pool.pending]).toEqual([model.with("held").length, model.with("waiting").length]);
    expect(pool.size).toBe(alive.size);
    expect([pool.idle, pool.size]).toEqual([model.idle, pool.held + pool.idle]);
  }
  for (let holder = model.with("held")[0]; holder !== undefined; holder = model.with("held")[0]) {
    model.leave(holder, "returned");
    permits.get(holder.id)!.release();
    await tick();
  }
  await pool.close();
  // One timer does for the waits of many callers; it goes 10 ms after the last.
  await clock.advance(10);
  installHooks(null);
  expect([alive.size, recorded.open, clock.pending]).toEqual([0, [], 0]);
}

describe("a pool under any interleaving of arrivals, ends and aborts", () => {
  test("does what the model does", { timeout: 30_000 }, async () => {
    const program = fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.nat(4),
      fc.array(step, { maxLength: 40 }),
      (max, maxQueue, steps) => compare(max, maxQueue, steps, new Model(max, maxQueue)),
    );
    await fc.assert(program, { numRuns: 500 });
    // The control: all of it came up.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });

  test("differs from a model of another order: the comparison would see it", async () => {
    const model = new Model(1, 5);
    model.order = () => model.with("waiting").toReversed();
    const come: Step = { kind: "acquire", band: 2, source: null };
    const steps: Step[] = [come, { kind: "tick" }, come, come, { kind: "release", index: 0 }];
    await expect(compare(1, 5, steps, model)).rejects.toThrow("to deeply equal");
    installHooks(null);
  });
});

describe("a pool whose create, validate and destroy take time and fail, by the scheduler", () => {
  const outcome = fc.constantFrom("ok" as const, "ok" as const, "fails" as const);
  const worker = fc.record({ cancel: fc.boolean(), end: fc.constantFrom("release", "destroy", "run", "throw") });
  test("never has more than max, settles all, and has every place at the end", { timeout: 60_000 }, async () => {
    const property = fc.asyncProperty(
      fc.scheduler(),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.array(worker, { minLength: 1, maxLength: 10 }),
      fc.infiniteStream(outcome),
      async (scheduler, max, withValidate, workers, outcomes) => {
        const recorded = new RecordedHooks();
        installHooks(recorded);
        const clock = new FakeClock();
        let [alive, most, settled, isOver] = [0, 0, 0, false];
        const slowly = async (): Promise<void> => {
          if (isOver) return;
          await scheduler.schedule(Promise.resolve());
          if (outcomes.next().value === "fails") throw Object.assign(new Error("lost"), { code: "ECONNRESET" });
        };
        const pool = new Pool<object>({
          max,
          clock,
          create: async () => {
            most = Math.max(most, ++alive);
            try {
              await slowly();
            } catch (error) {
              alive--;
              throw error;
            }
            return {};
          },
          destroy: async () => {
            try {
              await slowly();
            } finally {
              alive--;
            }
          },
          validate: withValidate ? () => slowly().then(() => true) : undefined,
        });
        const work = async (end: string, context: Context): Promise<void> => {
          if (end === "run") return pool.run(slowly, { signal: context });
          if (end === "throw") return pool.run(() => Promise.reject(new Error("no")), { signal: context });
          const permit = await pool.permit({ signal: context });
          await slowly().catch(() => {});
          permit[end as "release" | "destroy"]();
        };
        for (const { cancel, end } of workers) {
          const context = Context.root({ clock }).withCancel();
          if (cancel) void scheduler.schedule(Promise.resolve()).then(() => context.cancel());
          const count = (): number => settled++;
          void scheduler
            .schedule(Promise.resolve())
            .then(() => work(end, context))
            .then(count, count);
        }
        // Time passes as well: pauses after failures, and waits that take too long.
        for (let round = 0; settled < workers.length && round < 100; round++) {
          await scheduler.waitIdle();
          await clock.advance(500);
        }
        await scheduler.waitIdle();
        await drained();
        isOver = true;
        expect([settled, pool.pending, pool.held]).toEqual([workers.length, 0, 0]);
        expect(most).toBeLessThanOrEqual(max);
        await clock.advance(5000);
        const all = Promise.all(Array.from({ length: max }, () => pool.permit()));
        await clock.advance(3000);
        const permits = await all;
        expect([pool.held, pool.size, alive]).toEqual([max, max, max]);
        for (const permit of permits) permit.release();
        await pool.close();
        await clock.advance(10);
        installHooks(null);
        expect([alive, pool.size, recorded.open, clock.pending]).toEqual([0, 0, [], 0]);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
