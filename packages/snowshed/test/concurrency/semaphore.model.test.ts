// Random programs, each run on the semaphore and on a model of it that is slow and obviously right.
import fc from "fast-check";
import { Context, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained } from "../support/promises.ts";

type Fate = "waiting" | "granted" | "canceled" | "timed out" | "never fits";

interface Request {
  readonly id: number;
  readonly weight: number;
  readonly allowOversize: boolean;
  readonly signal: object | null;
  readonly due: number;
  fate: Fate;
  /** Granted in this tick after a wait: an abort still undoes it, and its caller has not gone on yet. */
  fresh: boolean;
}

/** What the semaphore should do. Everything is a search through all requests there ever were. */
class Model {
  permits: number;
  now = 0;
  readonly requests: Request[] = [];
  readonly admitted: number[] = [];
  /** Given back by callers. */
  readonly over = new Set<Request>();

  constructor(permits: number) {
    this.permits = permits;
  }

  get holders(): Request[] {
    return this.requests.filter((request) => request.fate === "granted" && !this.over.has(request));
  }

  get held(): number {
    return this.holders.reduce((sum, request) => sum + request.weight, 0);
  }

  get waiting(): Request[] {
    return this.requests.filter((request) => request.fate === "waiting");
  }

  get blocking(): Request[] {
    return this.waiting.filter((request) => request.weight <= this.permits);
  }

  tryAcquire(weight: number): boolean {
    return this.blocking.length === 0 && this.held + weight <= this.permits;
  }

  request(weight: number, allowOversize: boolean, signal: object | null, timeout: number): Request {
    const id = this.requests.length;
    const due = this.now + timeout;
    const request: Request = { id, weight, allowOversize, signal, due, fate: "waiting", fresh: false };
    if (this.tryAcquire(weight)) this.grant(request);
    else if (weight > this.permits && !allowOversize) request.fate = "never fits";
    this.requests.push(request);
    return request;
  }

  grant(request: Request): void {
    request.fate = "granted";
    this.admitted.push(request.id);
  }

  serve(): void {
    for (let head = this.blocking[0]; head !== undefined; head = this.blocking[0]) {
      if (this.held + head.weight > this.permits) return;
      this.grant(head);
      head.fresh = true;
    }
  }

  resize(permits: number): void {
    this.permits = permits;
    for (const request of this.waiting) {
      if (request.weight > permits && !request.allowOversize) request.fate = "never fits";
    }
    this.serve();
  }

  abort(signal: object): void {
    for (const request of this.requests) {
      if (request.signal !== signal || !(request.fate === "waiting" || (request.fresh && request.fate === "granted"))) {
        continue;
      }
      request.fate = "canceled";
      this.serve();
    }
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (; this.now < end; this.now++) {
      const late = this.requests.filter((request) => request.due === this.now + 1);
      for (const request of late) {
        if (request.fate !== "waiting") continue;
        request.fate = "timed out";
        this.serve();
        this.endTick();
      }
    }
  }

  endTick(): void {
    for (const request of this.requests) request.fresh = false;
  }
}

type Step =
  | { readonly kind: "acquire"; readonly weight: number; readonly source: number; readonly allowOversize: boolean }
  | { readonly kind: "acquire within"; readonly weight: number; readonly timeout: number }
  | { readonly kind: "plain acquire" | "try" | "resize" | "advance"; readonly by: number }
  | { readonly kind: "release" | "abort"; readonly index: number }
  | { readonly kind: "release too much" | "end of tick" };

const weight = fc.integer({ min: 0, max: 4 });
const index = fc.nat({ max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("acquire" as const),
    weight,
    source: fc.nat({ max: 2 }),
    allowOversize: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("acquire within" as const), weight, timeout: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constantFrom("plain acquire" as const, "try" as const), by: weight }),
  fc.record({ kind: fc.constantFrom("resize" as const, "advance" as const), by: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant("release" as const), index }),
  fc.record({ kind: fc.constant("release" as const), index }),
  fc.record({ kind: fc.constant("abort" as const), index: fc.nat({ max: 2 }) }),
  fc.record({ kind: fc.constantFrom("release too much" as const, "end of tick" as const) }),
);

interface Source {
  readonly signal: AbortSignal | Context;
  readonly abort: () => void;
}

/** Both at once; any difference is an error. */
class Pair {
  readonly clock = new FakeClock();
  readonly root = Context.root({ clock: this.clock });
  readonly model: Model;
  readonly real: Semaphore;
  readonly fates = new Map<number, Fate>();
  /** Who went on, in order. */
  readonly resumed: number[] = [];
  /** Those among them who waited with a signal or a timeout: they go on a microtask after their grant. */
  readonly late = new Set<number>();
  readonly sources: Source[];

  constructor(permits: number, make: (permits: number) => Semaphore) {
    this.model = new Model(permits);
    this.real = make(permits);
    this.sources = [0, 1, 2].map((place) => this.source(place));
  }

  /** Two of ours and a foreign one. */
  source(place: number): Source {
    if (place === 2) {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    }
    const context = this.root.withCancel();
    return { signal: context, abort: () => context.cancel() };
  }

  follow(request: Request, promise: Promise<void>, guarded: boolean): void {
    if (guarded && request.fate === "waiting") this.late.add(request.id);
    const fates = new Map<unknown, Fate>([
      ["SNOWSHED_CANCELED", "canceled"],
      ["SNOWSHED_DEADLINE_EXCEEDED", "timed out"],
      ["SNOWSHED_NEVER_FITS", "never fits"],
    ]);
    promise.then(
      () => {
        this.resumed.push(request.id);
        this.fates.set(request.id, "granted");
      },
      (error: unknown) => this.fates.set(request.id, fates.get((error as { readonly code?: unknown }).code)!),
    );
  }

  /** All steps between two ticks are taken without any microtask between them. */
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
  }

  step(next: Step): void {
    const { model, real } = this;
    switch (next.kind) {
      case "acquire": {
        const { signal } = this.sources[next.source]!;
        const request = model.request(next.weight, next.allowOversize, signal, Number.POSITIVE_INFINITY);
        const { allowOversize } = next;
        this.follow(request, real.acquire(next.weight, { signal, allowOversize }), true);
        break;
      }
      case "acquire within": {
        const request = model.request(next.weight, false, null, next.timeout);
        this.follow(request, real.acquire(next.weight, { signal: this.root, timeout: next.timeout }), true);
        break;
      }
      case "plain acquire": {
        const request = model.request(next.by, false, null, Number.POSITIVE_INFINITY);
        this.follow(request, real.acquire(next.by), false);
        break;
      }
      case "try": {
        const possible = model.tryAcquire(next.by);
        if (possible) this.fates.set(model.request(next.by, false, null, Number.POSITIVE_INFINITY).id, "granted");
        expect(real.tryAcquire(next.by)).toBe(possible);
        break;
      }
      case "resize":
        model.resize(next.by);
        real.resize(next.by);
        break;
      case "release": {
        const holders = model.holders.filter(({ fresh }) => !fresh);
        const holder = holders[next.index % holders.length];
        if (holder === undefined) break;
        model.over.add(holder);
        model.serve();
        real.release(holder.weight);
        break;
      }
      case "abort": {
        const source = this.sources[next.index]!;
        this.sources[next.index] = this.source(next.index);
        model.abort(source.signal);
        source.abort();
        break;
      }
      case "release too much":
        expect(() => real.release(model.held + 1)).toThrow(expect.objectContaining({ code: "SNOWSHED_OVER_RELEASE" }));
        break;
      default:
    }
  }

  compare(): void {
    const { model, real } = this;
    const available = Math.max(0, model.permits - model.held);
    expect([real.permits, real.available, real.pending]).toEqual([model.permits, available, model.waiting.length]);
  }

  /** Lets every caller go on that can, and compares who did, and in which order. */
  async tick(): Promise<void> {
    await drained();
    this.model.endTick();
    for (const { id, fate } of this.model.requests) expect([id, this.fates.get(id) ?? "waiting"]).toEqual([id, fate]);
    for (const late of [true, false]) {
      const some = (ids: readonly number[]): number[] => ids.filter((id) => this.late.has(id) === late);
      const known = new Set(this.resumed);
      expect(some(this.resumed)).toEqual(some(this.model.admitted).filter((id) => known.has(id)));
    }
  }

  /** With room for all, everyone who waits gets a turn, and then all permits are there. */
  async end(): Promise<void> {
    await this.run([{ kind: "resize", by: 5 }]);
    while (this.model.holders.length > 0) await this.run([{ kind: "release", index: 0 }]);
    expect([this.real.pending, this.real.available, this.clock.pending]).toEqual([0, 5, 0]);
  }
}

function agreement(make: (permits: number) => Semaphore): fc.IAsyncProperty<[number, Step[]]> {
  return fc.asyncProperty(weight, fc.array(step, { maxLength: 30, size: "max" }), async (permits, steps) => {
    const pair = new Pair(permits, make);
    await pair.run(steps);
    await pair.end();
  });
}

/** Gives nothing back for a weight of 3. */
class Losing extends Semaphore {
  override release(weight: number = 1): void {
    if (weight !== 3) super.release(weight);
  }
}

/** Takes more back than is held. */
class Minting extends Semaphore {
  override release(weight: number = 1): void {
    super.release(Math.min(weight, this.permits - this.available));
  }
}

/** Lets a newcomer take what is free although somebody waits for more. */
class Barging extends Semaphore {
  override acquire(...[weight = 1, options]: Parameters<Semaphore["acquire"]>): Promise<void> {
    if (this.pending === 0 || this.available < weight) return super.acquire(weight, options);
    const permits = this.permits;
    const pending = this.pending;
    this.resize(permits + weight);
    const result = super.acquire(weight, options);
    this.resize(permits);
    return pending === this.pending ? result : super.acquire(weight, options);
  }
}

describe("a semaphore", () => {
  test("does what its model does, step by step, whatever is done to it", async () => {
    await fc.assert(
      agreement((permits) => new Semaphore(permits)),
      { numRuns: 200 },
    );
  });

  test.each([
    ["loses permits", Losing],
    ["mints permits", Minting],
    ["lets newcomers barge", Barging],
  ])("that %s is found out", async (_defect, Defective) => {
    const found = await fc.check(
      agreement((permits) => new Defective(permits)),
      { numRuns: 2000, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});
