// Random programs, each run on the limiter and on a model of it that is slow and obviously right.
import fc from "fast-check";
import type { LimitPermit, Priority } from "snowshed";
import { CanceledError, Context, fixed, Limiter, Prioritizer } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { drained } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";
import { ScriptedLimit } from "../support/scripted-limit.ts";

const bands = ["critical", "high", "normal", "low"] as const;
const shares = [1, 0.9, 0.9, 0.6];

type Fate = "waiting" | "in" | "out" | "refused" | "canceled";

interface Caller {
  readonly id: number;
  readonly band: number;
  readonly since: number;
  readonly signal: object | null;
  readonly due: number;
  admitted: number;
  fate: Fate;
  /** Admitted in this tick after a wait: an abort still undoes it, and its caller has not gone on yet. */
  fresh: boolean;
}

/** What the limiter should do. Everything is a search through all callers there ever were. */
class Model {
  limit: number;
  now = 0;
  readonly callers: Caller[] = [];
  readonly #maxQueue: number | "limit";
  readonly #shares: readonly number[];
  /** Of what succeeded. */
  readonly #latencies: number[] = [];
  readonly #above = new Map<number, { readonly since: number; last: number }>();
  readonly #over = new Map<number, number>();

  constructor(limit: number, maxQueue: number | "limit", withShares: boolean) {
    this.limit = limit;
    this.#maxQueue = maxQueue;
    this.#shares = withShares ? shares : [1, 1, 1, 1];
  }

  get inside(): Caller[] {
    return this.callers.filter((caller) => caller.fate === "in");
  }

  get waiting(): Caller[] {
    return this.callers.filter((caller) => caller.fate === "waiting");
  }

  get room(): number {
    return this.#maxQueue === "limit" ? this.limit : this.#maxQueue;
  }

  hasRoom(band: number): boolean {
    const places = Math.max(1, Math.ceil(Math.round(this.limit * this.#shares[band]! * 1000) / 1000));
    return this.inside.length < places;
  }

  come(band: number, signal: object | null, maxWait: number, mayWait: boolean): Caller {
    const { now, callers } = this;
    const caller: Caller = {
      id: callers.length,
      band,
      since: now,
      signal,
      due: now + maxWait,
      admitted: now,
      fate: "in",
      fresh: false,
    };
    if (!this.hasRoom(band)) {
      caller.fate = "refused";
      if (mayWait && this.#maxQueue !== 0) {
        this.look();
        this.shed();
        const below = this.order().filter((other) => other.band > band);
        if (this.waiting.length < this.room) caller.fate = "waiting";
        else if (below.length > 0) {
          below.at(-1)!.fate = "refused";
          caller.fate = "waiting";
        }
      }
    }
    callers.push(caller);
    return caller;
  }

  leave(caller: Caller, how: "success" | "ignore"): void {
    caller.fate = "out";
    if (how === "success") this.#latencies.push(this.now - caller.admitted);
    this.serve();
  }

  isOver(band: number): boolean {
    return this.#over.has(band);
  }

  /** Twice the mean latency, in bounds. */
  get target(): number {
    const usual = this.#latencies.reduce(
      (mean, latency, index) => mean + (latency - mean) / Math.min(64, index + 1),
      0,
    );
    return Math.min(Math.max(20, 2 * usual), 100);
  }

  /** While its band is over target, 40 ms are enough for all but ten. */
  late(caller: Caller): boolean {
    const fellows = this.waiting.filter((other) => other.band === caller.band).length;
    const target = this.isOver(caller.band) && fellows > 10 ? Math.min(this.target, 40) : this.target;
    return this.now - caller.since > target;
  }

  look(): void {
    const interval = 5 * this.target;
    for (const [band] of bands.entries()) {
      const oldest = this.waiting.find((caller) => caller.band === band);
      if (oldest !== undefined && this.late(oldest)) {
        const above = this.#above.get(band) ?? { since: this.now, last: this.now };
        this.#above.set(band, above);
        // Where the target follows slow work, less than a crowd is given more time.
        const fellows = this.waiting.filter((caller) => caller.band === band).length;
        const patience = this.target > 20 && fellows < 16 ? 8 * interval : interval;
        if (this.now - above.since >= patience) this.#over.set(band, this.now);
        if (this.#over.has(band)) this.#over.set(band, this.now);
      } else {
        this.#above.delete(band);
        if (this.now - (this.#over.get(band) ?? this.now) >= interval) this.#over.delete(band);
      }
    }
  }

  /** In the order in which they would be admitted. */
  order(): Caller[] {
    return bands.flatMap((_, band) => {
      const own = this.waiting.filter((caller) => caller.band === band);
      return this.isOver(band) ? own.toReversed() : own;
    });
  }

  shed(): void {
    for (const caller of this.waiting) if (this.isOver(caller.band) && this.late(caller)) caller.fate = "refused";
  }

  serve(): void {
    if (this.waiting.length === 0) return;
    this.look();
    for (const caller of this.order()) {
      if (!this.hasRoom(caller.band)) break;
      caller.fate = "in";
      caller.admitted = this.now;
      caller.fresh = true;
    }
    this.shed();
  }

  abort(signal: object): void {
    for (const caller of this.callers) {
      if (caller.signal !== signal) continue;
      const calledOff = caller.fate === "in" && caller.fresh;
      if (caller.fate !== "waiting" && !calledOff) continue;
      caller.fate = "canceled";
      if (calledOff) this.serve();
    }
  }

  advance(ms: number): void {
    const end = this.now + ms;
    const due = this.waiting.filter((caller) => caller.due <= end).toSorted((a, b) => a.due - b.due || a.id - b.id);
    for (const caller of due) caller.fate = "refused";
    this.now = end;
  }
}

type Step =
  | { readonly kind: "acquire" | "try"; readonly band: number; readonly source: number; readonly maxWait: number }
  | { readonly kind: "leave"; readonly index: number; readonly next: number; readonly how: "success" | "ignore" }
  | { readonly kind: "abort"; readonly index: number }
  | { readonly kind: "advance"; readonly by: number }
  | { readonly kind: "end of tick" };

const band = fc.nat({ max: 3 });
const acquire = fc.record({
  kind: fc.constantFrom("acquire" as const, "acquire" as const, "acquire" as const, "try" as const),
  band,
  source: fc.nat({ max: 3 }),
  maxWait: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 150 })),
});
const leave = fc.record({
  kind: fc.constant("leave" as const),
  index: fc.nat({ max: 100 }),
  next: fc.integer({ min: 1, max: 6 }),
  how: fc.constantFrom("success" as const, "ignore" as const, "ignore" as const),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: acquire },
  { weight: 3, arbitrary: leave },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), index: fc.nat({ max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("advance" as const), by: fc.nat({ max: 60 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "end of tick" as const }) },
);
const steps = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(step) },
  // What hardly ever comes up by chance: a queue that stays over target, and an abort right after an admission.
  {
    weight: 1,
    arbitrary: fc
      .tuple(acquire, acquire, acquire)
      .map(([a, b, c]): Step[] => [a, b, c, { kind: "advance", by: 21 }, a, { kind: "advance", by: 100 }, a, b, c]),
  },
  // The same where work takes long, and with a dozen behind them.
  {
    weight: 1,
    arbitrary: fc.tuple(acquire, acquire, fc.integer({ min: 5, max: 60 })).map(([a, b, by]): Step[] => {
      const advance = (ms: number): Step => ({ kind: "advance", by: ms });
      const slow: Step[] = [a, advance(60), { kind: "leave", index: 0, next: 1, how: "success" }];
      const over: Step[] = [a, advance(101), a, advance(500), a];
      return slow.concat(over, Array<Step>(12).fill(b), [advance(by), b]);
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(leave, fc.nat({ max: 2 }))
      .map(([end, index]): Step[] => [{ kind: "end of tick" }, end, { kind: "abort", index }]),
  },
);
const program = fc.record({
  limit: fc.integer({ min: 1, max: 6 }),
  maxQueue: fc.oneof(fc.nat({ max: 6 }), fc.constant(20), fc.constant("limit" as const)),
  withShares: fc.boolean(),
  steps: fc.array(steps, { maxLength: 40, size: "max" }).map((all) => all.flat()),
});

/** How often something happened in all runs: a property that never came to it has proved nothing. */
const seen = { lifo: 0, shed: 0, displaced: 0, calledOff: 0 };

/** Both at once; any difference is an error. */
class Pair {
  readonly clock = new FakeClock();
  readonly root = Context.root({ clock: this.clock });
  readonly algorithm: ScriptedLimit;
  readonly model: Model;
  readonly real: Limiter;
  readonly #permits = new Map<number, LimitPermit>();
  readonly #fates = new Map<number, Fate>();
  readonly #sources = [0, 1, 2].map(() => this.root.withCancel());
  readonly #maxQueue: number | "limit";
  /** A limit that falls leaves more waiting than `"limit"` would now take. */
  #mostWaiting = 0;

  constructor(limit: number, maxQueue: number | "limit", withShares: boolean) {
    const { clock } = this;
    this.algorithm = new ScriptedLimit(limit);
    this.model = new Model(limit, maxQueue, withShares);
    // A window without end: the cut-off stays where it is.
    const prioritizer = withShares ? new Prioritizer({ clock, window: 1e12 }) : undefined;
    this.real = new Limiter({ algorithm: this.algorithm, maxQueue, prioritizer, clock });
    this.#maxQueue = maxQueue;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const next of steps) {
      if (next.kind === "advance" || next.kind === "end of tick") await this.tick();
      if (next.kind === "advance") {
        this.model.advance(next.by);
        await this.clock.advance(next.by);
      } else this.step(next);
      this.compare();
    }
    await this.tick();
    // Everyone settles once all have left.
    for (let [inside] = this.model.inside; inside !== undefined; [inside] = this.model.inside) {
      this.leave(inside, "ignore");
      this.compare();
      await this.tick();
    }
    expect(this.model.waiting).toEqual([]);
    expect([this.real.inflight, this.real.queued, this.clock.pending]).toEqual([0, 0, 0]);
    expect(this.#fates.size).toBe(this.model.callers.length);
  }

  step(next: Step): void {
    const { model, real } = this;
    if (next.kind === "acquire") {
      const signal = this.#sources[next.source] ?? null;
      const before = model.callers.filter(({ fate }) => fate === "refused").length;
      const caller = model.come(next.band, signal, next.maxWait, true);
      if (caller.fate === "waiting" && model.callers.filter(({ fate }) => fate === "refused").length > before) {
        if (model.isOver(next.band)) seen.shed++;
        else seen.displaced++;
      }
      this.follow(caller, real.acquire({ ...(signal && { signal }), ...next, priority: this.priority(next) }));
    } else if (next.kind === "try") {
      const caller = model.come(next.band, null, 0, false);
      const permit = real.tryAcquire({ priority: this.priority(next) });
      expect(permit !== undefined).toBe(caller.fate === "in");
      this.#fates.set(caller.id, caller.fate);
      if (permit !== undefined) this.#permits.set(caller.id, permit);
    } else if (next.kind === "leave") {
      const inside = model.inside.filter(({ fresh, id }) => !fresh && this.#permits.has(id));
      const caller = inside[next.index % inside.length];
      if (caller === undefined) return;
      if (next.how === "success") model.limit = this.algorithm.next = next.next;
      this.leave(caller, next.how);
    } else if (next.kind === "abort") {
      const source = this.#sources[next.index]!;
      this.#sources[next.index] = this.root.withCancel();
      seen.calledOff += model.inside.filter(({ fresh, signal }) => fresh && signal === source).length;
      model.abort(source);
      source.cancel();
    }
  }

  leave(caller: Caller, how: "success" | "ignore"): void {
    const waiting = this.model.waiting.map(({ id }) => id);
    this.model.leave(caller, how);
    const admitted = this.model.inside.filter(({ id }) => waiting.includes(id));
    if (admitted.some(({ id, band }) => this.model.isOver(band) && id !== waiting[0])) seen.lifo++;
    this.#permits.get(caller.id)![how]();
  }

  priority({ band }: { readonly band: number }): Priority {
    return bands[band]!;
  }

  follow(caller: Caller, promise: Promise<LimitPermit>): void {
    promise.then(
      (permit) => {
        this.#permits.set(caller.id, permit);
        this.#fates.set(caller.id, "in");
      },
      (error: unknown) => this.#fates.set(caller.id, error instanceof CanceledError ? "canceled" : "refused"),
    );
  }

  compare(): void {
    const { model, real } = this;
    expect([real.limit, real.inflight, real.queued]).toEqual([model.limit, model.inside.length, model.waiting.length]);
    this.#mostWaiting = Math.max(model.room, Math.min(this.#mostWaiting, real.queued));
    expect(real.queued).toBeLessThanOrEqual(this.#maxQueue === "limit" ? this.#mostWaiting : this.#maxQueue);
    // No lost wake-up: whoever waits has no room.
    for (const { band: each } of model.waiting) expect(model.hasRoom(each)).toBe(false);
  }

  async tick(): Promise<void> {
    await drained();
    for (const caller of this.model.callers) {
      caller.fresh = false;
      const settled = this.#fates.get(caller.id) ?? "waiting";
      const want = caller.fate === "out" ? "in" : caller.fate;
      expect([caller.id, settled]).toEqual([caller.id, want]);
    }
  }
}

describe("a limiter under any interleaving of arrivals, ends, aborts, times and limits", () => {
  test("does what the model does", { timeout: 30_000 }, async () => {
    const property = fc.asyncProperty(program, async ({ limit, maxQueue, withShares, steps }) => {
      await new Pair(limit, maxQueue, withShares).run(steps);
    });
    await fc.assert(property, { numRuns: 300 });
    // The control: all of it came up.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  });

  test("differs from a model of another queue: the comparison would see it", async () => {
    const pair = new Pair(1, 3, false);
    pair.model.order = (): Caller[] => pair.model.waiting.toReversed();
    const arrive: Step = { kind: "acquire", band: 2, source: 3, maxWait: Number.POSITIVE_INFINITY };
    const end: Step = { kind: "leave", index: 0, next: 1, how: "ignore" };
    const steps = [arrive, { kind: "end of tick" }, arrive, arrive, end, { kind: "end of tick" }] as const;
    await expect(pair.run(steps)).rejects.toThrow("to deeply equal");
  });

  test(
    "never runs more tasks than the limit, loses no place, settles all: by the scheduler",
    { timeout: 30_000 },
    async () => {
      const worker = fc.record({ cancel: fc.boolean(), fails: fc.boolean(), band });
      const property = fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 3 }),
        fc.array(worker, { minLength: 1, maxLength: 10 }),
        async (scheduler, limit, workers) => {
          const recorded = new RecordedHooks();
          installHooks(recorded);
          const clock = new FakeClock();
          const limiter = new Limiter({ algorithm: fixed(limit), maxQueue: 4, clock });
          let [alive, most, settled] = [0, 0, 0];
          for (const { cancel, fails, band: place } of workers) {
            const context = Context.root({ clock }).withCancel();
            if (cancel) void scheduler.schedule(Promise.resolve()).then(() => context.cancel());
            const task = async (): Promise<void> => {
              most = Math.max(most, ++alive);
              await scheduler.schedule(Promise.resolve());
              alive--;
              if (fails) throw new Error("failed");
            };
            const count = (): number => settled++;
            void scheduler
              .schedule(Promise.resolve())
              .then(() => limiter.run(task, { signal: context, priority: bands[place]! }))
              .then(count, count);
          }
          await scheduler.waitIdle();
          await drained();
          installHooks(null);
          expect(most).toBeLessThanOrEqual(limit);
          expect([settled, limiter.inflight, limiter.queued]).toEqual([workers.length, 0, 0]);
          expect(recorded.open).toEqual([]);
        },
      );
      await fc.assert(property, { numRuns: 300 });
    },
  );
});
