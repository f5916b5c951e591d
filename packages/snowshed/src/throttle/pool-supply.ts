import type { Clock } from "../clock.ts";
import { Cancellation } from "../concurrency/abort.ts";
import type { CancelContext, Context } from "../concurrency/context.ts";
import { boundedContext } from "../concurrency/context.ts";
import { Queue } from "../concurrency/queue.ts";
import { invalidArgument, toCancellation } from "../errors.ts";
import { BackoffSchedule } from "../overload/backoff.ts";
import { Attempt } from "./pool-attempt.ts";
import { PoolEntry } from "./pool-lease.ts";

/** For how long a `destroy` that does not end keeps its place, in milliseconds. */
const destroyBound = 3000;
/** By what part of `maxAge` a resource may be destroyed earlier. */
const ageJitter = 0.1;
/** Between attempts to create, while they fail: less than the default `acquireTimeout`, so a caller sees at least one. */
const longestPause = 2000;
const createBackoff = new BackoffSchedule({ initial: 100, maximum: longestPause, jitter: "none" });

/** What a {@link PoolSupply} does, checked and in milliseconds. */
export interface SupplyPlan<T> {
  readonly create: (context: Context) => T | PromiseLike<T>;
  readonly destroy: ((resource: T, broken: boolean) => unknown) | undefined;
  readonly validate: ((resource: T) => boolean | PromiseLike<boolean>) | undefined;
  readonly max: number;
  readonly min: number;
  /** Of one `create` or `validate`. */
  readonly bound: number;
  readonly idleTimeout: number;
  readonly maxAge: number;
  /** Whether what is given back is kept; if not, `destroy` hands it to somebody who may lend it again at once. */
  readonly reuse: boolean;
  readonly context: Context;
}

/** Whom resources are made for. */
export interface SupplyHost<T> {
  /** How many wait for one. */
  readonly pending: number;
  /** There is one: to be lent, or kept by `put()`. */
  offer(entry: PoolEntry<T>): void;
  createFailed(error: unknown): void;
  /** It is closed, and nothing is left. */
  emptied(): void;
}

/**
 * The resources of a pool that are not lent: makes them as many as are waited for and may be, keeps the idle ones, asks
 * whether they are still valid, destroys them. Each takes a place from before it is made until it has been destroyed;
 * this counts the places, also those of resources that are lent.
 *
 * @internal
 */
export class PoolSupply<T> {
  size = 0;
  creating = 0;
  validating = 0;
  destroying = 0;
  created = 0;
  createFailures = 0;
  broken = 0;
  lastError: unknown = undefined;
  /** What `create` fails with, while it does. */
  createError: unknown = undefined;
  /** In the order in which they were last used. */
  readonly idle = new Queue<PoolEntry<T>>();
  readonly #plan: SupplyPlan<T>;
  readonly #host: SupplyHost<T>;
  readonly #clock: Clock;
  /** All objects there are: `create` must not return one of them again. */
  readonly #known = new Set<unknown>();
  /** Of `create` and `validate`, that have not ended. */
  readonly #attempts = new Set<{ fail(error: unknown): void }>();
  readonly #contexts = new Set<CancelContext>();
  #failedInRow = 0;
  #cancelBackoff: (() => void) | null = null;
  #retryAt = 0;
  /** Whether the process is kept running until then. */
  #retryIsAwaited = false;
  #cancelSweep: (() => void) | null = null;
  #sweepAt = Number.POSITIVE_INFINITY;
  #isSupplying = false;
  #isClosed = false;

  constructor(plan: SupplyPlan<T>, host: SupplyHost<T>) {
    this.#plan = plan;
    this.#host = host;
    this.#clock = plan.context.clock;
  }

  /** An idle one that need not be asked whether it is valid. */
  take(at: number): PoolEntry<T> | null {
    if (this.#plan.validate !== undefined) return null;
    for (let entry = this.idle.tail; entry !== null; entry = this.idle.tail) {
      this.idle.remove(entry);
      if (at < entry.expiresAt) return entry;
      this.destroy(entry, false);
    }
    return null;
  }

  /** Keeps one. */
  put(entry: PoolEntry<T>, at: number): void {
    if (this.#isClosed) return this.destroy(entry, false);
    entry.idleSince = at;
    this.idle.push(entry);
    this.#sweepBy(Math.min(entry.expiresAt, at + this.#plan.idleTimeout), at);
  }

  /** Makes what is missing, as far as there is room. */
  supply(): void {
    // Code of the user that answers at once may lead back to here: the loop sees what has changed.
    if (this.#isSupplying || this.#isClosed) return;
    this.#isSupplying = true;
    try {
      while (!this.#isClosed) {
        const isMissing = this.#host.pending > this.creating + this.validating;
        const entry = isMissing ? this.idle.tail : null;
        if (entry !== null) this.#check(entry);
        else if ((isMissing || this.size - this.destroying < this.#plan.min) && this.#mayCreate) this.#create();
        else {
          if (isMissing) this.#awaitRetry();
          return;
        }
      }
    } finally {
      this.#isSupplying = false;
    }
  }

  destroy(entry: PoolEntry<T>, isBroken: boolean): void {
    this.destroying++;
    if (isBroken) this.broken++;
    this.#dispose(entry.resource, isBroken, () => {
      this.destroying--;
      this.#freed();
    });
    // It is no longer one of `min`.
    this.supply();
  }

  /** Makes no more. What is idle is destroyed, what is being made will be. */
  close(reason: Error): void {
    this.#isClosed = true;
    this.#cancelBackoff?.();
    this.#cancelSweep?.();
    for (const context of this.#contexts) context.cancel(reason);
    for (let entry = this.idle.shift(); entry !== null; entry = this.idle.shift()) this.destroy(entry, false);
  }

  /** Waits no longer for any `create` or `validate`. */
  abandon(reason: Error): void {
    for (const attempt of this.#attempts) attempt.fail(reason);
  }

  get #mayCreate(): boolean {
    if (this.size >= this.#plan.max) return false;
    // While it fails one attempt at a time tells enough.
    return this.#failedInRow === 0 || (this.creating === 0 && this.#cancelBackoff === null);
  }

  #create(): void {
    const { create, bound, context: parent } = this.#plan;
    const context = boundedContext(parent, this.#clock.now() + bound);
    const over = (): void => {
      this.creating--;
      this.#attempts.delete(attempt);
      this.#contexts.delete(context);
      context.detach();
    };
    const attempt = new Attempt<T>({
      done: (resource) => {
        over();
        this.#made(resource);
      },
      failed: (error) => {
        over();
        this.#createFailed(error);
        // Whatever it has started is of no use any more.
        context.abort(cancellationFor(error));
      },
      late: (resource) => this.#discard(resource),
    });
    this.size++;
    this.creating++;
    this.#attempts.add(attempt);
    this.#contexts.add(context);
    attempt.run(() => create(context), "create", bound, this.#clock);
  }

  #made(resource: T): void {
    if (this.#known.has(resource)) {
      const expected = "a function that makes a resource each time; it returned one that is in the pool already";
      return this.#createFailed(invalidArgument(TypeError, "create", expected, resource));
    }
    if (isIdentity(resource)) this.#known.add(resource);
    this.created++;
    this.createError = undefined;
    this.#failedInRow = 0;
    this.#cancelBackoff?.();
    this.#cancelBackoff = null;
    const age = this.#plan.maxAge * (1 - ageJitter * this.#clock.random());
    const entry = new PoolEntry(resource, this.#clock.now() + age);
    this.#host.offer(entry);
    // It works again: all that are waited for may be made.
    this.supply();
  }

  #createFailed(error: unknown): void {
    this.createFailures++;
    this.lastError = this.createError = error;
    // Those that were begun together fail together, and count as one.
    if (this.#cancelBackoff === null && !this.#isClosed) {
      const ceiling = createBackoff.delay(++this.#failedInRow, 0, this.#clock);
      this.#retryIn(ceiling * (0.5 + 0.5 * this.#clock.random()), false);
    }
    this.size--;
    if (!this.#isClosed) this.#host.createFailed(error);
    this.#goOn();
  }

  #retryIn(ms: number, isAwaited: boolean): void {
    const retry = (): void => {
      this.#cancelBackoff = null;
      this.supply();
    };
    this.#retryAt = this.#clock.now() + ms;
    this.#retryIsAwaited = isAwaited;
    this.#cancelBackoff = this.#clock.setTimeout(retry, ms, isAwaited);
  }

  /** Somebody waits for the next attempt, maybe without a timeout: the process must not end before it. */
  #awaitRetry(): void {
    if (this.#cancelBackoff === null || this.#retryIsAwaited) return;
    this.#cancelBackoff();
    // At most the longest pause, also when the clock was set back.
    this.#retryIn(Math.min(longestPause, Math.max(0, this.#retryAt - this.#clock.now())), true);
  }

  /** One that came when its place had been given up. */
  #discard(resource: T): void {
    if (this.#known.has(resource)) return;
    if (isIdentity(resource)) this.#known.add(resource);
    this.#dispose(resource, false, () => {});
  }

  /** Has it destroyed. Until that has ended, `create` must not return it. */
  #dispose(resource: T, isBroken: boolean, ended: () => void): void {
    const { destroy, reuse } = this.#plan;
    if (!reuse) this.#known.delete(resource);
    const done = (): void => {
      if (reuse) this.#known.delete(resource);
      ended();
    };
    const failed = (error: unknown): void => {
      this.lastError = error;
      done();
    };
    const attempt = new Attempt<unknown>({ done, failed });
    attempt.run(() => destroy?.(resource, isBroken), "destroy", destroyBound, this.#clock);
  }

  /** Takes an idle one out to see whether it can be offered. */
  #check(entry: PoolEntry<T>): void {
    const { validate, bound } = this.#plan;
    this.idle.remove(entry);
    if (entry.expiresAt <= this.#clock.now()) return this.destroy(entry, false);
    if (validate === undefined) return this.#host.offer(entry);
    const over = (): void => {
      this.validating--;
      this.#attempts.delete(attempt);
    };
    const attempt = new Attempt<boolean>({
      done: (isValid) => {
        over();
        if (isValid) return this.#host.offer(entry);
        this.destroy(entry, true);
      },
      failed: (error) => {
        over();
        this.lastError = error;
        this.destroy(entry, true);
      },
    });
    this.validating++;
    this.#attempts.add(attempt);
    attempt.run(() => validate(entry.resource), "validate", bound, this.#clock);
  }

  #freed(): void {
    this.size--;
    this.#goOn();
  }

  /** A place is free. */
  #goOn(): void {
    if (this.#isClosed) {
      if (this.size === 0) this.#host.emptied();
    } else this.supply();
  }

  #sweepBy(at: number, now: number): void {
    if (at >= this.#sweepAt) return;
    this.#cancelSweep?.();
    this.#sweepAt = at;
    this.#cancelSweep = this.#clock.setTimeout(() => this.#sweep(), at - now, false);
  }

  /** Destroys what is old, and what was idle for too long but for the last `min`. */
  #sweep(): void {
    this.#sweepAt = Number.POSITIVE_INFINITY;
    this.#cancelSweep = null;
    const { idleTimeout, maxAge, min } = this.#plan;
    const now = this.#clock.now();
    const idle: PoolEntry<T>[] = [];
    for (let entry = this.idle.head; entry !== null; entry = entry.after) idle.push(entry);
    let next = Number.POSITIVE_INFINITY;
    for (const entry of idle) {
      // A `destroy` of the user may have led to another one being taken.
      if (!this.idle.has(entry)) continue;
      // A clock that was set back makes nothing stay for hours.
      entry.idleSince = Math.min(entry.idleSince, now);
      entry.expiresAt = Math.min(entry.expiresAt, now + maxAge);
      const isSpare = this.size - this.destroying > min;
      if (entry.expiresAt <= now || (isSpare && entry.idleSince + idleTimeout <= now)) {
        this.idle.remove(entry);
        this.destroy(entry, false);
      } else next = Math.min(next, entry.expiresAt, isSpare ? entry.idleSince + idleTimeout : next);
    }
    // Unless a `destroy` of the user has closed the pool.
    if (!this.#isClosed) this.#sweepBy(next, now);
  }
}

/** Why the context of a `create` that failed is aborted. */
function cancellationFor(error: unknown): Cancellation {
  try {
    return new Cancellation(error, false, toCancellation(error));
  } catch {
    // It cannot be looked at: a getter that throws, a revoked proxy.
    return new Cancellation(error, false);
  }
}

/** Whether two of them can be told apart: a pool of numbers may have the same one twice. */
function isIdentity(resource: unknown): boolean {
  return (typeof resource === "object" && resource !== null) || typeof resource === "function";
}
