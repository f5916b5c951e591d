// Everything at once: code of the user that answers at once, soon, late, never or wrongly, and calls back into the pool;
// waits that end by a timeout or an abort; a clock that jumps; a close in the middle. A book is kept beside the pool, of
// who waits, who holds and what was made and destroyed, and the two are compared.
import fc from "fast-check";
import type { CancelContext, Clock } from "snowshed";
import { CanceledError, Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { Pool } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained } from "../support/promises.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";

const bands = ["critical", "high", "normal", "low"] as const;
const destroyBound = 3000;
const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

const acquire = fc.record({
  kind: fc.constantFrom("permit" as const, "run" as const),
  band: fc.nat(3),
  timeout: fc.constantFrom(undefined, undefined, 0, 50, Number.POSITIVE_INFINITY),
  source: fc.option(fc.nat(2), { nil: null }),
});
const take = fc.record({ kind: fc.constant("try" as const) });
const end = fc.record({
  kind: fc.constant("end" as const),
  index: fc.nat(9),
  how: fc.constantFrom("release" as const, "destroy" as const, "fail" as const),
});
const answer = fc.record({ kind: fc.constant("answer" as const), index: fc.nat(9), isGood: fc.boolean() });
const abort = fc.record({ kind: fc.constant("abort" as const), source: fc.nat(2) });
const close = fc.record({
  kind: fc.constant("close" as const),
  timeout: fc.constantFrom(undefined, 0, 100, Number.POSITIVE_INFINITY),
});
const tick = fc.record({ kind: fc.constant("tick" as const) });
const advance = fc.record({
  kind: fc.constant("advance" as const),
  ms: fc.constantFrom(1, 10, 50, 100, 1000, 3000, 30_000, 61_000),
});
const jump = fc.record({ kind: fc.constant("jump" as const), ms: fc.constantFrom(-3_600_000, -500, 20_000) });

/** What code of the user may do inside a call of the pool. */
const inner = fc.oneof(
  { weight: 3, arbitrary: acquire },
  { weight: 1, arbitrary: take },
  { weight: 3, arbitrary: end },
  { weight: 2, arbitrary: answer },
  { weight: 1, arbitrary: abort },
  { weight: 1, arbitrary: close },
);
const outer = fc.oneof(
  { weight: 10, arbitrary: acquire },
  { weight: 1, arbitrary: take },
  { weight: 8, arbitrary: end },
  { weight: 6, arbitrary: answer },
  { weight: 2, arbitrary: abort },
  { weight: 8, arbitrary: tick },
  { weight: 6, arbitrary: advance },
  { weight: 1, arbitrary: jump },
  { weight: 1, arbitrary: close },
);
const behaviour = fc.record({
  how: fc.constantFrom("now", "now", "soon", "soon", "later", "later", "throws", "fails", "same"),
  inside: fc.option(inner, { nil: null, freq: 4 }),
});
const settings = fc.record({
  max: fc.integer({ min: 1, max: 3 }),
  min: fc.nat(2),
  maxQueue: fc.constantFrom(0, 2, Number.POSITIVE_INFINITY),
  acquireTimeout: fc.constantFrom(100, 3000),
  idleTimeout: fc.constantFrom(100, 30_000),
  maxAge: fc.constantFrom(500, 1_800_000),
  withValidate: fc.boolean(),
});

type Step = typeof outer extends fc.Arbitrary<infer S> ? S : never;
type Acquire = typeof acquire extends fc.Arbitrary<infer S> ? S : never;
type Behaviour = typeof behaviour extends fc.Arbitrary<infer B> ? B : never;
type Settings = typeof settings extends fc.Arbitrary<infer S> ? S : never;

interface Resource {
  readonly id: number;
  readonly madeAt: number;
  /** How often `create` returned it, and `destroy` was called with it. */
  made: number;
  destroyed: number;
}

interface Caller {
  readonly band: number;
  readonly since: number;
  readonly timeout: number;
  readonly context: CancelContext | null;
  isSettled: boolean;
}

/** Of the pool, to code of the user, and not yet answered. */
interface Call {
  readonly what: "create" | "validate" | "destroy";
  readonly since: number;
  readonly context: Context | null;
  /** Of a `destroy`: of what came when it had been given up, which takes no place. */
  readonly isDiscard: boolean;
  readonly settle: (isGood: boolean) => void;
}

const seen = { granted: 0, refused: 0, canceled: 0, late: 0, same: 0, forced: 0, closed: 0, inside: 0, leaks: 0 };

/** Who waits, in the order of their turns: nobody may be served before who comes first here. */
class Turns extends RecordedHooks {
  caller: Caller | null = null;
  readonly waiting = new Map<object, Caller>();

  override blocked(resource: object, weight: number, wait: object): void {
    super.blocked(resource, weight, wait);
    this.waiting.set(wait, this.caller!);
  }

  override unblocked(resource: object, wait: object, granted: boolean): void {
    super.unblocked(resource, wait, granted);
    const caller = this.waiting.get(wait)!;
    if (granted) {
      const first = Math.min(...Array.from(this.waiting.values(), ({ band }) => band));
      const next = [...this.waiting.values()].find(({ band }) => band === first);
      if (next !== caller) this.problems.push(`served out of turn: one of ${bands[caller.band]}`);
    }
    this.waiting.delete(wait);
  }
}

class World {
  readonly clock = new FakeClock();
  readonly turns = new Turns();
  readonly pool: Pool<Resource>;
  readonly settings: Settings;
  readonly #behaviours: readonly Behaviour[];
  #nextBehaviour = 0;
  #depth = 0;
  #offset = 0;
  readonly #root: Context;
  readonly #sources: CancelContext[];
  readonly #resources: Resource[] = [];
  readonly #held = new Set<Resource>();
  readonly #holders: { readonly resource: Resource; readonly end: (how: "release" | "destroy" | "fail") => void }[] =
    [];
  readonly #calls: Call[] = [];
  readonly #late = new Set<Resource>();
  readonly #invalid = new Set<Resource>();
  readonly #callers: Caller[] = [];
  readonly #closings: { isSettled: boolean }[] = [];
  #createCalls = 0;
  #refused = 0;
  #leaks = 0;
  #hasJumped = false;
  #isClosed = false;
  #mayForce = false;
  #isForced = false;
  /** From now on code of the user answers at once, and well. */
  isOver = false;

  constructor(chosen: Settings, behaviours: readonly Behaviour[]) {
    const { clock } = this;
    this.settings = { ...chosen, min: Math.min(chosen.min, chosen.max) };
    this.#behaviours = behaviours;
    const moving: Clock = {
      now: () => clock.now() + this.#offset,
      date: () => clock.date() + this.#offset,
      random: () => clock.random(),
      setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    };
    this.#root = Context.root({ clock: moving });
    this.#sources = [0, 1, 2].map(() => this.#root.withCancel());
    installHooks(this.turns);
    const { withValidate, ...rest } = this.settings;
    this.pool = new Pool<Resource>({
      ...rest,
      clock: moving,
      create: (context) => this.#create(context),
      destroy: (resource) => this.#destroy(resource),
      validate: withValidate ? (resource) => this.#validate(resource) : undefined,
      onLeak: () => {
        this.#leaks++;
        seen.leaks++;
        this.#doInside();
      },
    });
  }

  get #now(): number {
    return this.clock.now();
  }

  /** What code of the user throws the pool takes for a failure of that: it is noted, and found by `glance()`. */
  #insist(condition: boolean, problem: string): void {
    if (!condition) this.turns.problems.push(problem);
  }

  // What the pool calls.

  #create(context: Context): Resource | Promise<Resource> {
    this.#createCalls++;
    const make = (): Resource => {
      const resource = { id: this.#resources.length, madeAt: this.#now, made: 1, destroyed: 0 };
      this.#resources.push(resource);
      // Once it is closed, whether it was given up cannot be seen from here, nor does it matter.
      if (context.aborted && !this.#isClosed) {
        this.#late.add(resource);
        seen.late++;
      }
      return resource;
    };
    const same = (): Resource => {
      const [resource] = this.#held;
      if (resource === undefined) return make();
      seen.same++;
      resource.made++;
      return resource;
    };
    return this.#answer("create", context, false, make, same);
  }

  #validate(resource: Resource): boolean | Promise<boolean> {
    this.#insist(resource.destroyed < resource.made && !this.#held.has(resource), "validated what is not idle");
    return this.#answer(
      "validate",
      null,
      false,
      () => true,
      () => {
        this.#invalid.add(resource);
        return false;
      },
    );
  }

  #destroy(resource: Resource): unknown {
    resource.destroyed++;
    this.#insist(resource.destroyed <= resource.made, "destroyed twice");
    if (this.#held.has(resource)) {
      this.#insist(this.#mayForce, "destroyed what is held");
      this.#isForced = true;
      seen.forced++;
    }
    const nothing = (): void => {};
    return this.#answer("destroy", null, this.#late.has(resource), nothing, nothing);
  }

  #answer<R>(
    what: Call["what"],
    context: Context | null,
    isDiscard: boolean,
    good: () => R,
    odd: () => R,
  ): R | Promise<R> {
    if (this.isOver) return good();
    const how = this.#doInside();
    if (how === "now") return good();
    if (how === "throws") throw lost;
    if (how === "same") return odd();
    const call = deferred<R>();
    const since = this.#now;
    const settle = (isGood: boolean): void => this.#settle(call, isGood, good);
    if (how === "later") this.#calls.push({ what, since, context, isDiscard, settle });
    else queueMicrotask(() => settle(how === "soon"));
    return call.promise;
  }

  #settle<R>(call: Deferred<R>, isGood: boolean, good: () => R): void {
    if (isGood) call.resolve(good());
    else call.reject(lost);
  }

  #doInside(): Behaviour["how"] {
    const { how, inside } = this.#behaviours[this.#nextBehaviour++ % this.#behaviours.length]!;
    // Not in the constructor of the pool: there is none yet.
    if (inside !== null && this.#depth < 3 && this.pool !== undefined) {
      seen.inside++;
      this.#depth++;
      this.do(inside);
      this.#depth--;
    }
    return how;
  }

  // What is done to the pool.

  /** All but the steps that take time. */
  do(step: Step): void {
    if (step.kind === "permit" || step.kind === "run") this.#acquire(step);
    else if (step.kind === "try") {
      const permit = this.pool.tryPermit();
      if (permit === undefined) return;
      this.#insist(!this.#isClosed, "lent by a closed pool");
      this.#hold(permit.resource, (how) => permit[how === "fail" ? "release" : how]());
    } else if (step.kind === "end") {
      const [holder] = this.#holders.splice(step.index % Math.max(1, this.#holders.length), 1);
      if (holder === undefined) return;
      this.#held.delete(holder.resource);
      holder.end(step.how);
    } else if (step.kind === "answer") {
      const [call] = this.#calls.splice(step.index % Math.max(1, this.#calls.length), 1);
      call?.settle(step.isGood);
    } else if (step.kind === "abort") {
      this.#sources[step.source]!.cancel();
      this.#sources[step.source] = this.#root.withCancel();
    } else if (step.kind === "jump") {
      this.#offset += step.ms;
      this.#hasJumped = true;
    } else if (step.kind === "close") this.#close(step.timeout);
  }

  #acquire({ kind, band, timeout, source }: Acquire): void {
    const context = source === null ? null : this.#sources[source]!;
    const wait = timeout ?? this.settings.acquireTimeout;
    const caller: Caller = { band, since: this.#now, timeout: wait, context, isSettled: false };
    this.#callers.push(caller);
    const options = { priority: bands[band]!, timeout, ...(context && { signal: context }) };
    const before = this.turns.caller;
    this.turns.caller = caller;
    const failed = (error: unknown): void => {
      caller.isSettled = true;
      if (error instanceof CanceledError) seen.canceled++;
      else if ((error as { code?: string }).code === "SNOWSHED_LIMIT_EXCEEDED") this.#refused++;
    };
    if (kind === "permit") {
      this.pool.permit(options).then((permit) => {
        this.#serve(caller);
        // Destroyed by force in the tick in which it was lent.
        if (this.#mayForce && permit.resource.destroyed === permit.resource.made) this.#isForced = true;
        this.#hold(permit.resource, (how) => permit[how === "fail" ? "release" : how]());
      }, failed);
    } else {
      const task = (resource: Resource): Promise<void> => {
        this.#serve(caller);
        const result = deferred();
        this.#hold(resource, (how) => {
          if (how === "release") result.resolve();
          else result.reject(how === "destroy" ? lost : new Error("of the program"));
        });
        return result.promise;
      };
      this.pool.run(task, options).catch((error: unknown) => {
        if (!caller.isSettled) failed(error);
      });
    }
    this.turns.caller = before;
  }

  #serve(caller: Caller): void {
    caller.isSettled = true;
    seen.granted++;
  }

  #hold(resource: Resource, finish: (how: "release" | "destroy" | "fail") => void): void {
    if (!this.#isForced) {
      this.#insist(!this.#held.has(resource), "lent twice");
      this.#insist(resource.destroyed < resource.made, "lent what was destroyed");
      this.#insist(!this.#invalid.has(resource), "lent what is not valid");
      // What was asked whether it is valid may have got old meanwhile; what a clock says that jumps is anybody's guess.
      const oldest = this.settings.maxAge + (this.settings.withValidate ? this.settings.acquireTimeout : 0);
      this.#insist(this.#hasJumped || this.#now - resource.madeAt <= oldest, "lent what is old");
    }
    this.#held.add(resource);
    this.#holders.push({ resource, end: finish });
  }

  #close(timeout: number | undefined): void {
    const closing = { isSettled: false };
    this.#closings.push(closing);
    this.#isClosed = true;
    if (timeout !== undefined && timeout !== Number.POSITIVE_INFINITY) this.#mayForce = true;
    seen.closed++;
    const settled = (): void => {
      closing.isSettled = true;
    };
    this.pool.close({ timeout }).then(settled, settled);
  }

  /** Holds at any time. */
  glance(): void {
    const { size, idle, held, creating, validating, destroying } = this.pool.inspect();
    expect(size).toBe(idle + held + creating + validating + destroying);
    expect(size).toBeLessThanOrEqual(this.settings.max);
    expect(this.turns.problems).toEqual([]);
  }

  /** Holds when all that was said has been heard. */
  check(): void {
    this.glance();
    const inspection = this.pool.inspect();
    const { idle, held, creating, validating, destroying, pending } = inspection;
    const waiting = this.#callers.filter(({ isSettled }) => !isSettled);
    expect([pending, held]).toEqual([waiting.length, this.#isForced ? 0 : this.#holders.length]);
    expect([inspection.refused, inspection.leaks]).toEqual([this.#refused, this.#leaks]);
    expect(inspection.created + inspection.createFailures + creating).toBe(this.#createCalls);
    for (const { since, timeout, context } of waiting) {
      expect([context?.aborted ?? false, this.#isClosed]).toEqual([false, false]);
      // Of a clock that was set back it is known when it has come to its end again.
      expect(this.#now - since).toBeLessThan(this.#hasJumped ? 2 * timeout : timeout);
    }
    if (this.#isClosed) return expect(idle).toBe(0);
    const { acquireTimeout } = this.settings;
    const count = (what: Call["what"], bound: number): number =>
      this.#calls.filter((call) => call.what === what && !call.isDiscard && this.#now - call.since < bound).length;
    expect([creating, validating, destroying]).toEqual([
      count("create", acquireTimeout),
      count("validate", acquireTimeout),
      count("destroy", destroyBound),
    ]);
    if (pending > creating + validating) expect(idle).toBe(0);
  }

  /** The end of a program: everything is answered and given back, and every place is there. */
  async finish(): Promise<void> {
    const { pool, clock } = this;
    this.isOver = true;
    for (let round = 0; round < 100 && this.#calls.length + this.#holders.length + pool.pending > 0; round++) {
      while (this.#calls.length > 0) this.do({ kind: "answer", index: 0, isGood: true });
      while (this.#holders.length > 0) this.do({ kind: "end", index: 0, how: "release" });
      await clock.advance(100);
      this.check();
    }
    expect([pool.pending, this.#calls.length, this.#holders.length]).toEqual([0, 0, 0]);
    // What had hung is given up by now, and the pause after the last failure is over.
    await clock.advance(5000);
    if (!this.#isClosed) await this.#useAll();
    seen.refused += this.#refused;
    this.#close(undefined);
    await clock.advance(10);
    await clock.advance(10);
    expect([pool.size, this.#closings.every(({ isSettled }) => isSettled)]).toEqual([0, true]);
    for (const { id, made, destroyed } of this.#resources) {
      // One that `create` returned again was refused, or had gone before.
      expect([id, destroyed >= 1 && destroyed <= made]).toEqual([id, true]);
    }
    expect([this.turns.open, clock.pending]).toEqual([[], 0]);
  }

  async #useAll(): Promise<void> {
    const { pool, clock, settings } = this;
    expect(pool.inspect()).toMatchObject({ held: 0, creating: 0, validating: 0, destroying: 0 });
    this.turns.caller = {
      band: 2,
      since: this.#now,
      timeout: settings.acquireTimeout,
      context: null,
      isSettled: false,
    };
    const all = Promise.all(Array.from({ length: settings.max }, () => pool.permit()));
    await clock.advance(0);
    const permits = await all;
    this.turns.caller = null;
    expect([pool.size, pool.held, new Set(permits.map(({ resource }) => resource)).size]).toEqual(
      Array.from({ length: 3 }, () => settings.max),
    );
    for (const permit of permits) permit.release();
    expect([pool.idle, pool.held]).toEqual([settings.max, 0]);
    await clock.advance(settings.idleTimeout);
    if (!this.#hasJumped) expect([pool.size, pool.idle]).toEqual([settings.min, settings.min]);
  }
}

async function execute(chosen: Settings, behaviours: readonly Behaviour[], steps: readonly Step[]): Promise<void> {
  try {
    const world = new World(chosen, behaviours);
    for (const step of steps) {
      if (step.kind === "advance") await world.clock.advance(step.ms);
      else if (step.kind === "tick") await drained();
      else {
        world.do(step);
        world.glance();
        continue;
      }
      world.check();
    }
    await drained();
    world.check();
    await world.finish();
  } finally {
    installHooks(null);
  }
}

describe("a pool, whatever is done to it and whatever it is told", () => {
  test(
    "loses no place, lends nothing twice, serves in order, tells everyone in time",
    { timeout: 120_000 },
    async () => {
      const property = fc.asyncProperty(
        settings,
        fc.array(behaviour, { minLength: 1, maxLength: 20 }),
        fc.array(outer, { maxLength: 50 }),
        execute,
      );
      await fc.assert(property, { numRuns: 1000 });
      // The control: all of it came up.
      expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
    },
  );
});
