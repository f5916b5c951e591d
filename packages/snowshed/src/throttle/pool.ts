import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { patienceOf, scopeOf } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { aboveZero, toMilliseconds, toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError, invalidArgument, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { ExpiryList } from "../overload/expiry.ts";
import type { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import { bandOf } from "../overload/priority.ts";
import { isConnectionError } from "./connection-errors.ts";
import type { PoolEntry, PoolPermit } from "./pool-lease.ts";
import { HeldResource, Lease } from "./pool-lease.ts";
import { LeakWatch, warnOfLeaks } from "./pool-leaks.ts";
import type { PoolAcquireOptions, PoolInspection, PoolOptions } from "./pool-options.ts";
import { PoolSupply } from "./pool-supply.ts";
import { PoolWaiter } from "./pool-waiter.ts";
import { WaitingLine } from "./waiting-line.ts";

const asPermit = <T>(lease: Lease<T>): PoolPermit<T> => new HeldResource(lease);
const itself = <T>(lease: Lease<T>): Lease<T> => lease;

/** A function that hands out a resource: where a trace of its caller begins. */
type Entrance = (...args: never[]) => unknown;

/**
 * Up to `max` resources that are dear to make, such as connections to a database: made when they are needed, lent to one
 * holder at a time, kept for the next, and destroyed when they are broken, old, or idle for long. Who finds none waits in
 * order, for `acquireTimeout` at most.
 *
 * There are never more than `max`, those included that are being made or destroyed. No place is lost: not by a `create`
 * that throws or hangs, a connection that breaks, a caller that gives up, or a permit that somebody forgets.
 *
 * The one used last is lent first, so those not needed get idle. While `create` fails, one attempt is made at a time, after
 * a pause that grows from 100 ms to 2 s, with jitter.
 *
 * @example
 * ```ts
 * import { Pool } from "snowshed/throttle";
 *
 * let made = 0;
 * await using pool = new Pool({ create: () => ({ id: ++made }), max: 2 });
 * const ids = await Promise.all([1, 2, 3].map(() => pool.run(async ({ id }) => id)));
 * console.log(ids, pool.size); // [ 1, 2, 1 ] 2
 * ```
 */
export class Pool<T> implements AsyncDisposable {
  readonly name: string | undefined;
  /** How many there may be. */
  readonly max: number;
  /** Of those who wait for as long as `acquireTimeout`. */
  readonly #expiry: ExpiryList;
  readonly #maxQueue: number;
  readonly #min: number;
  readonly #reuse: boolean;
  readonly #isBroken: (error: unknown) => boolean;
  readonly #clock: Clock;
  readonly #context: Context;
  readonly #supply: PoolSupply<T>;
  readonly #leases: LeakWatch<T>;
  readonly #line = new WaitingLine<PoolWaiter<T>>();
  /** Those who wait for the end of `close()`. */
  readonly #closers = new Set<() => void>();
  #refused = 0;
  #isClosed = false;

  constructor(options: PoolOptions<T>) {
    const { create, destroy, validate, onLeak, isBroken = isConnectionError, clock = systemClock } = options;
    checkFunction(create, "create");
    if (destroy !== undefined) checkFunction(destroy, "destroy");
    if (validate !== undefined) checkFunction(validate, "validate");
    if (onLeak !== undefined) checkFunction(onLeak, "onLeak");
    checkFunction(isBroken, "isBroken");
    const { max = 20, min = 0, maxQueue = 1000 } = options;
    checkInteger(max, "max", 1);
    checkInteger(min, "min", 0);
    if (min > max) throw invalidArgument(RangeError, "min", `at most max, which is ${max}`, min);
    checkInteger(maxQueue, "maxQueue", 0, true);
    const bound = toMillisecondsInRange(options.acquireTimeout ?? "3s", "acquireTimeout", aboveZero);
    const idleTimeout = toMillisecondsInRange(options.idleTimeout ?? "30s", "idleTimeout", 1);
    const maxAge = toMillisecondsInRange(options.maxAge ?? "30m", "maxAge", 1);
    const threshold = toMillisecondsInRange(options.leakThreshold ?? "60s", "leakThreshold", 1);
    this.name = options.name;
    this.max = max;
    this.#min = min;
    this.#expiry = new ExpiryList(clock, bound);
    this.#maxQueue = maxQueue;
    this.#reuse = options.reuse ?? true;
    this.#isBroken = isBroken;
    this.#clock = clock;
    const context = clock === systemClock ? Context.background : Context.root({ clock });
    this.#context = context;
    this.#leases = new LeakWatch(threshold, onLeak ?? warnOfLeaks(this.#label), clock);
    const plan = { create, destroy, validate, max, min, bound, idleTimeout, maxAge, reuse: this.#reuse, context };
    this.#supply = new PoolSupply(plan, this);
    hooks?.resourceCreated(this, "pool", this.name, max);
    this.#supply.supply();
  }

  /** How many places are taken: by resources that are idle, held, being made, asked whether they are valid, or destroyed. */
  get size(): number {
    return this.#supply.size;
  }

  get idle(): number {
    return this.#supply.idle.size;
  }

  get held(): number {
    return this.#leases.held;
  }

  /** How many callers wait. */
  get pending(): number {
    return this.#line.size;
  }

  /**
   * An idle resource, if there is one and nobody waits; never waits, and makes none. With `validate`, which may have to
   * be waited for, always `undefined`.
   */
  tryPermit(): PoolPermit<T> | undefined {
    const lease = this.#tryLease(this.#clock.now(), this.tryPermit);
    return lease === null ? undefined : new HeldResource(lease);
  }

  /**
   * A resource, after a wait for it if need be. Give it back by `release()`, by `destroy()` if it is broken, or at the end
   * of a block with `using`.
   *
   * Rejects, holding nothing: with `SNOWSHED_LIMIT_EXCEEDED` at once when `maxQueue` wait (the least important that came
   * last goes, if that is not this one), or after `timeout`; with what `create` failed with, if that was for the first
   * that waits, or no other resource is left to wait for; with the cancellation when `signal` aborts, also if a resource
   * was handed over in the same tick; with `SNOWSHED_POOL_CLOSED`.
   */
  permit(options: PoolAcquireOptions = {}): Promise<PoolPermit<T>> {
    try {
      const lease = this.#lease(options, this.permit, asPermit);
      return lease instanceof Lease ? Promise.resolve(asPermit(lease)) : lease;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Runs `task` with a resource, and gives that back when it has ended. Resolves and rejects as the task does; rejects as
   * `permit()` does without having run it.
   *
   * The resource is destroyed instead when the task failed and `isBroken` says so, or throws. By default it says so of
   * errors of an established connection, of a database that shuts down, and of timeouts and cancellations, after which
   * nobody knows what is still under way.
   *
   * The task gets the context of `signal`. One that stops waiting for its result does not give the resource back.
   */
  async run<R>(
    task: (resource: T, context: Context) => R | PromiseLike<R>,
    options: PoolAcquireOptions = {},
  ): Promise<R> {
    checkFunction(task, "task");
    const { signal } = options;
    const context = signal === undefined ? this.#context : contextOf(signal, this.#clock);
    const found = this.#lease(options, this.run, itself);
    // Not awaited when one is idle: the task begins before run() returns.
    const lease = found instanceof Lease ? found : await found;
    if (lease.isOver) throw this.#closedError();
    let value: R;
    try {
      value = await task(lease.entry.resource, context);
    } catch (error) {
      if (this.#breaks(error)) this.broken(lease, error);
      else this.returned(lease);
      throw error;
    }
    this.returned(lease);
    return value;
  }

  /**
   * Refuses all that wait and all that come (`SNOWSHED_POOL_CLOSED`), destroys what is idle, waits for the holders, and
   * destroys what they give back. Resolves when nothing is left.
   *
   * After `timeout` (default: none) what is still held is destroyed under its holders, and this rejects with
   * `DeadlineExceededError` when that is done.
   */
  async close(options: { readonly timeout?: Duration | undefined } = {}): Promise<void> {
    const timeout = toMillisecondsInRange(options.timeout ?? Number.POSITIVE_INFINITY, "timeout", 0);
    this.#shut();
    let forced = 0;
    const force = (): void => {
      forced = this.#force();
    };
    if (timeout === 0) force();
    if (this.size > 0) {
      const cancelTimer = timeout === 0 ? null : this.#clock.setTimeout(force, timeout);
      await new Promise<void>((resolve) => this.#closers.add(resolve));
      cancelTimer?.();
    }
    if (forced === 0) return;
    throw new DeadlineExceededError(`${forced} resources of ${this.#label} were still held after ${timeout} ms`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  inspect(): PoolInspection {
    const { name, max, size, idle, held, pending } = this;
    const { creating, validating, destroying, created, createFailures, broken, lastError } = this.#supply;
    const { oldest, leaks } = this.#leases;
    return {
      name,
      max,
      min: this.#min,
      size,
      idle,
      held,
      creating,
      validating,
      destroying,
      pending,
      longestHeld: oldest === null ? 0 : Math.max(0, this.#clock.now() - oldest.since),
      created,
      createFailures,
      broken,
      refused: this.#refused,
      leaks,
      lastError,
    };
  }

  /** Of a resource that nobody holds: for the next in line, or to be kept. @internal */
  offer(entry: PoolEntry<T>): void {
    this.#offer(entry, this.#clock.now());
  }

  /** @internal */
  createFailed(error: unknown): void {
    const { size, destroying, creating, validating } = this.#supply;
    if (size === destroying) {
      // Nothing is left that could ever be handed to one of them.
      for (let waiter = this.#line.first; waiter !== null; waiter = this.#line.first) this.giveUp(waiter, error);
    } else if (this.pending > creating + validating) this.giveUp(this.#line.first!, error);
  }

  /** @internal */
  emptied(): void {
    this.#leases.stop();
    for (const closed of this.#closers) closed();
    this.#closers.clear();
  }

  /** @internal */
  returned(lease: Lease<T>): void {
    if (lease.isOver) return;
    this.#end(lease);
    const now = this.#clock.now();
    if (!this.#reuse || lease.entry.expiresAt <= now) this.#supply.destroy(lease.entry, false);
    else this.#offer(lease.entry, now);
  }

  /** @internal */
  broken(lease: Lease<T>, error: unknown): void {
    if (lease.isOver) return;
    this.#end(lease);
    if (error !== undefined) this.#supply.lastError = error;
    this.#supply.destroy(lease.entry, true);
  }

  /** Its permit is garbage. What was lent may still be in use, so nobody else gets it. @internal */
  forgotten(lease: Lease<T>): void {
    if (lease.isOver) return;
    this.broken(lease, undefined);
    this.#leases.forgotten(lease);
  }

  /** @internal */
  waitedTooLong(waiter: CancelableWaiter, ms: number): void {
    this.giveUp(waiter, this.#refusal(`none came in ${ms} ms`));
  }

  /** Of a waiter that is canceled or refused. @internal */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    this.#line.remove(waiter as PoolWaiter<T>);
    hooks?.unblocked(this, waiter, false);
    waiter.refuse(error);
  }

  /** Of a waiter that was given a resource and canceled in the same tick. @internal */
  callOff(waiter: CancelableWaiter): void {
    this.returned((waiter as PoolWaiter<T>).lease!);
  }

  get #label(): string {
    return this.name === undefined ? "a pool" : `the pool "${this.name}"`;
  }

  #tryLease(at: number, below: Entrance): Lease<T> | null {
    // Where one is idle, nobody waits.
    const entry = this.#isClosed ? null : this.#supply.take(at);
    return entry === null ? null : this.#lend(entry, at, this.#leases.trace(at, below));
  }

  /** A lease, or the promise of what `hand` makes of one that comes later. */
  #lease<R>(options: PoolAcquireOptions, below: Entrance, hand: (lease: Lease<T>) => R): Lease<T> | Promise<R> {
    const scope = scopeOf(options.signal);
    const timeout = options.timeout === undefined ? this.#expiry.ms : toMilliseconds(options.timeout, "timeout");
    const band = bandOf(options.priority);
    if (scope?.isAborted) throw scope.abortReason;
    const at = this.#clock.now();
    const lease = this.#tryLease(at, below);
    if (lease !== null) return lease;
    // After that: on the way a `destroy` of the user may have closed the pool.
    if (this.#isClosed) throw this.#closedError();
    if (timeout <= 0) throw this.#refusal("none is idle");
    // Whoever can have a place that is neither held nor being given up is no part of the queue.
    if (this.pending >= this.#maxQueue + this.max - this.held - this.#supply.destroying) {
      const last = this.#line.lastBelow(band);
      const refusal = this.#refusal(`${this.held} are held, ${this.pending} wait`);
      if (last === null) throw refusal;
      this.giveUp(last, refusal);
    }
    const trace = this.#leases.trace(at, below);
    return new Promise((resolve, reject) => {
      const waiter = new PoolWaiter<T>(this, at, band, scope !== null, hand, resolve, reject, trace);
      scope?.link(waiter);
      if (timeout !== Number.POSITIVE_INFINITY) this.#expire(waiter, timeout);
      this.#line.push(waiter);
      hooks?.blocked(this, 1, waiter, patienceOf(scope, timeout));
      this.#supply.supply();
    });
  }

  #expire(waiter: PoolWaiter<T>, timeout: number): void {
    if (timeout === this.#expiry.ms) waiter.expireWith(this.#expiry);
    else waiter.cancelTimer = this.#clock.setTimeout(() => waiter.expire(timeout), timeout);
  }

  #offer(entry: PoolEntry<T>, at: number): void {
    const waiter = this.#line.first;
    if (waiter === null) return this.#supply.put(entry, at);
    this.#line.remove(waiter);
    hooks?.unblocked(this, waiter, true);
    waiter.lease = this.#lend(entry, at, waiter.trace);
    waiter.admit();
  }

  #lend(entry: PoolEntry<T>, at: number, trace: Lease<T>["trace"]): Lease<T> {
    const lease = new Lease<T>(this, entry, at, trace);
    this.#leases.add(lease);
    hooks?.acquired(this, 1);
    return lease;
  }

  #end(lease: Lease<T>): void {
    lease.isOver = true;
    this.#leases.remove(lease);
    hooks?.released(this, 1);
  }

  #breaks(error: unknown): boolean {
    try {
      return this.#isBroken(error);
    } catch {
      // The task's own error is what its caller needs.
      return true;
    }
  }

  #shut(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = this.#closedError();
    for (let waiter = this.#line.first; waiter !== null; waiter = this.#line.first) this.giveUp(waiter, error);
    this.#supply.close(error);
    if (this.size === 0) this.emptied();
  }

  #force(): number {
    const error = this.#closedError();
    let forced = 0;
    for (let lease = this.#leases.oldest; lease !== null; lease = this.#leases.oldest, forced++) {
      this.broken(lease, error);
    }
    this.#supply.abandon(error);
    return forced;
  }

  #closedError(): SnowshedError {
    return new SnowshedError("SNOWSHED_POOL_CLOSED", `${this.#label} is closed`);
  }

  #refusal(reason: string): SnowshedError {
    this.#refused++;
    const cause = this.#supply.createError;
    const message = `no resource of ${this.#label}, max ${this.max}: ${reason}`;
    return new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", message, cause === undefined ? undefined : { cause });
  }
}
