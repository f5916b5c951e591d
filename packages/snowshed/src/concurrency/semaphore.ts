import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import type { Cancellation } from "./abort.ts";
import { AbortNode, patienceOf, scopeOf } from "./abort.ts";
import type { Context } from "./context.ts";
import type { Permit } from "./permit.ts";
import { HeldPermit } from "./permit.ts";
import type { QueueNode } from "./queue.ts";
import { Queue } from "./queue.ts";

export interface AcquireOptions {
  /** Gives up when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up with `DeadlineExceededError` after so long a wait. Default: none. */
  readonly timeout?: Duration | undefined;
  /** Wait even if `weight` exceeds all permits there are: a later `resize()` may make room. Default: `false`. */
  readonly allowOversize?: boolean | undefined;
}

/** One promise for everyone who need not wait: awaiting it costs what a bare `await` does. */
const granted: Promise<void> = Promise.resolve();

/**
 * Lets at most `permits` units be held at a time. Waiters are served strictly in the order they came: a small request
 * never overtakes a large one, so the large one cannot starve.
 *
 * `permits` is an integer of at least 0; `Semaphore(0)` admits nobody until it is resized.
 *
 * @example
 * ```ts
 * import { Semaphore } from "snowshed";
 *
 * const database = new Semaphore(3, { name: "database" });
 * const answer = await database.run(async () => 42);
 * console.log(answer, database.available); // 42 3
 * ```
 */
export class Semaphore {
  readonly name: string | undefined;
  #permits: number;
  #held = 0;
  readonly #queue = new Queue<Waiter>();
  /** Whose turn is next: the first in the queue but for those who weigh more than there are permits, who stand aside. */
  #next: Waiter | null = null;

  constructor(permits: number, options: { readonly name?: string } = {}) {
    checkInteger(permits, "permits", 0);
    this.#permits = permits;
    this.name = options.name;
    hooks?.resourceCreated(this, "semaphore", this.name, permits);
  }

  /** How many units there are in all. */
  get permits(): number {
    return this.#permits;
  }

  /** How many units are free; 0 while more are held than a `resize()` left. */
  get available(): number {
    return Math.max(0, this.#permits - this.#held);
  }

  /** How many units are held; more than there are after a `resize()`. */
  get held(): number {
    return this.#held;
  }

  /** How many callers wait. */
  get pending(): number {
    return this.#queue.size;
  }

  /**
   * Takes `weight` units if they are free and nobody waits, without waiting. Allocates nothing.
   *
   * `weight` is an integer of at least 0. 0 takes nothing, but is refused while somebody waits.
   */
  tryAcquire(weight: number = 1): boolean {
    if (weight !== 1) checkInteger(weight, "weight", 0);
    if (this.#held + weight > this.#permits || this.#next !== null) return false;
    this.#held += weight;
    hooks?.acquired(this, weight);
    return true;
  }

  /**
   * Takes `weight` units, waiting until they are free and everyone who came before has been served. Each must be given
   * back by `release(weight)`; `run()` and `permit()` cannot forget it.
   *
   * Rejects, and leaves the semaphore unchanged: with the cancellation when `signal` aborts (even if the units were
   * granted in the same tick), with `DeadlineExceededError` after `timeout`, with `SNOWSHED_NEVER_FITS` when `weight`
   * exceeds all permits, now or after a later `resize()`, unless `allowOversize` is set.
   */
  acquire(weight: number = 1, options?: AcquireOptions): Promise<void> {
    if (options === undefined) return this.tryAcquire(weight) ? granted : this.#wait(weight);
    const { signal, timeout: limit = Number.POSITIVE_INFINITY, allowOversize = false } = options;
    const scope = scopeOf(signal);
    const timeout = toMilliseconds(limit, "timeout");
    checkInteger(weight, "weight", 0);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    if (this.tryAcquire(weight)) return granted;
    if (weight > this.#permits && !allowOversize) return Promise.reject(this.#neverFits(weight));
    const timedOut = (): unknown =>
      new DeadlineExceededError(`waited ${timeout} ms for ${weight} of ${this.#describe()}`);
    if (timeout <= 0) return Promise.reject(timedOut());
    return new Promise((resolve, reject) => {
      const waiter = new GuardedWaiter(this, weight, allowOversize, resolve, reject);
      scope?.link(waiter);
      if (timeout !== Number.POSITIVE_INFINITY) {
        const clock = scope?.clock ?? systemClock;
        waiter.cancelTimer = clock.setTimeout(() => this.refuse(waiter, timedOut()), timeout);
      }
      this.#queue.push(waiter);
      this.#queued(waiter, patienceOf(scope, timeout));
    });
  }

  /** Gives `weight` units back. More than are held is an error (`SNOWSHED_OVER_RELEASE`) and changes nothing. */
  release(weight: number = 1): void {
    if (weight !== 1) checkInteger(weight, "weight", 0);
    if (weight > this.#held) {
      const message = `released ${weight} of ${this.#describe()}, of which only ${this.#held} are held`;
      hooks?.misuse("SNOWSHED_OVER_RELEASE", message);
      throw new SnowshedError("SNOWSHED_OVER_RELEASE", message);
    }
    const next = this.#next;
    if (next !== null && next.weight === weight && this.#held <= this.#permits && hooks === null) {
      // The commonest case under load: what is released is just what the next one waits for.
      this.#next = this.#fitting(next.after);
      this.#queue.remove(next);
      next.resolve();
      // There was no room for `weight` more, so there is none for who wants as much; a smaller one may fit now.
      if (this.#next === null || this.#next.weight >= weight) return;
    } else {
      this.#held -= weight;
      hooks?.released(this, weight);
    }
    this.#grant();
  }

  /** Like {@link Semaphore.acquire}, with a permit that knows how to give itself back: for `using`. */
  async permit(weight: number = 1, options?: AcquireOptions): Promise<Permit> {
    await this.acquire(weight, options);
    return new HeldPermit(this, weight, () => this.release(weight));
  }

  /**
   * Runs `task` while holding `options.weight` units (default 1), and gives them back when it has ended, either way.
   * Resolves and rejects as the task does; rejects as `acquire()` does without having run it.
   */
  async run<T>(
    task: () => T | PromiseLike<T>,
    options?: AcquireOptions & { readonly weight?: number | undefined },
  ): Promise<T> {
    checkFunction(task, "task");
    const weight = options?.weight ?? 1;
    const admission = this.acquire(weight, options);
    // Not awaited when there is room: the task begins before run() returns.
    if (admission !== granted) await admission;
    try {
      return await task();
    } finally {
      this.release(weight);
    }
  }

  /**
   * Changes the number of permits. Growing admits waiters at once. Shrinking takes nothing from holders: nobody is
   * admitted until enough has been released; waiters that can no longer fit are refused with `SNOWSHED_NEVER_FITS`,
   * unless they allowed it.
   */
  resize(permits: number): void {
    checkInteger(permits, "permits", 0);
    this.#permits = permits;
    hooks?.resourceResized(this, permits);
    const refused: Waiter[] = [];
    for (let waiter = this.#queue.head; waiter !== null; waiter = waiter.after) {
      if (waiter.weight > permits && !waiter.allowOversize) refused.push(waiter);
    }
    this.#next = this.#fitting(this.#queue.head);
    for (const waiter of refused) this.refuse(waiter, this.#neverFits(waiter.weight));
    this.#grant();
  }

  // The path of every contended acquire. The executor makes a plain object and nothing else: with a constructor or a hook
  // in it, it costs more; whoever changes it runs `npm run bench -- --only contended` before and after.
  #wait(weight: number): Promise<void> {
    if (weight > this.#permits) return Promise.reject(this.#neverFits(weight));
    const promise = new Promise<void>((resolve) => {
      this.#queue.push({ weight, resolve, before: null, after: null });
    });
    this.#queued(this.#queue.tail!, Number.POSITIVE_INFINITY);
    return promise;
  }

  #queued(waiter: Waiter, patience: number | undefined): void {
    if (waiter.weight <= this.#permits) this.#next ??= waiter;
    hooks?.blocked(this, waiter.weight, waiter, patience);
  }

  /** Serves the front of the queue while there is room. */
  #grant(): void {
    for (let waiter = this.#next; waiter !== null; waiter = this.#next) {
      if (this.#held + waiter.weight > this.#permits) return;
      this.#next = this.#fitting(waiter.after);
      this.#queue.remove(waiter);
      this.#held += waiter.weight;
      if (hooks !== null) {
        hooks.unblocked(this, waiter, true);
        // Not the one of the line before, if that has taken itself out.
        hooks?.acquired(this, waiter.weight);
      }
      waiter.resolve();
    }
  }

  /** The first that does not stand aside, from `waiter` on. */
  #fitting(waiter: Waiter | null): Waiter | null {
    while (waiter !== null && waiter.weight > this.#permits) waiter = waiter.after;
    return waiter;
  }

  /** Takes a waiter out of its queue, with an error. @internal */
  refuse(waiter: Waiter, error: unknown): void {
    const next = this.#next === waiter;
    if (next) this.#next = this.#fitting(waiter.after);
    this.#queue.remove(waiter);
    hooks?.unblocked(this, waiter, false);
    if (waiter.refuse === undefined) waiter.resolve(Promise.reject(error));
    else waiter.refuse(error);
    // It may have been what the others waited behind.
    if (next) this.#grant();
  }

  #describe(): string {
    return `the ${this.#permits} permits${this.name === undefined ? "" : ` of "${this.name}"`}`;
  }

  #neverFits(weight: number): SnowshedError {
    return new SnowshedError("SNOWSHED_NEVER_FITS", `weight ${weight} exceeds ${this.#describe()}`);
  }
}

/** A caller that waits. Small: under load there is one for almost every acquire. */
interface Waiter extends QueueNode<Waiter> {
  readonly weight: number;
  readonly allowOversize?: boolean;
  /** Its turn has come; a rejected promise refuses it, unless it can `refuse()`. */
  resolve(refusal?: PromiseLike<never>): void;
  refuse?(error: unknown): void;
}

/** One whose wait can end before its turn comes. */
class GuardedWaiter extends AbortNode implements Waiter {
  before: Waiter | null = null;
  after: Waiter | null = null;
  readonly weight: number;
  readonly allowOversize: boolean;
  readonly #semaphore: Semaphore;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  cancelTimer: (() => void) | null = null;
  #state: "waiting" | "admitted" | "ended" = "waiting";

  constructor(
    semaphore: Semaphore,
    weight: number,
    allowOversize: boolean,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#semaphore = semaphore;
    this.weight = weight;
    this.allowOversize = allowOversize;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  resolve(): void {
    this.#state = "admitted";
    this.cancelTimer?.();
    // Still to be called off until the tick's end: a caller that is canceled along with the release must not go on.
    queueMicrotask(() => {
      if (this.#state !== "ended") this.#end().#resolve();
    });
  }

  refuse(error: unknown): void {
    this.#end().#reject(error);
  }

  #end(): this {
    this.#state = "ended";
    this.cancelTimer?.();
    this.source?.unlink(this);
    return this;
  }

  override notify(why: Cancellation): void {
    if (this.#state === "waiting") this.#semaphore.refuse(this, why.reason);
    else if (this.#state === "admitted") {
      this.refuse(why.reason);
      hooks?.calledOff(this);
      this.#semaphore.release(this.weight);
    }
  }
}
