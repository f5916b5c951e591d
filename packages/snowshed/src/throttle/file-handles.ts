import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { AbortScope } from "../concurrency/abort.ts";
import { patienceOf, scopeOf } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import type { Permit } from "../concurrency/permit.ts";
import { HeldPermit } from "../concurrency/permit.ts";
import { Queue } from "../concurrency/queue.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError, invalidArgument, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { BackoffSchedule } from "../overload/backoff.ts";
import type { WaitHost } from "../overload/cancelable-waiter.ts";
import type { DescriptorUsage } from "./descriptor-limits.ts";
import { descriptorUsage, isOutOfDescriptors } from "./descriptor-limits.ts";
import { WeightedWaiter } from "./waiting-line.ts";

export interface FileHandlesOptions {
  /** The part of the free descriptors that is left to sockets and all else: a number in [0, 1). Default: 0.2. */
  readonly reserve?: number | undefined;
  /**
   * The most handles at a time: an integer of at least 1. Default: what `descriptors()` leaves after `reserve`, at least
   * 1 and at most 1024.
   */
  readonly limit?: number | undefined;
  /** How many may wait: an integer of at least 0; `Infinity`: any number. Default: `Infinity`. */
  readonly maxQueue?: number | undefined;
  /** Asked once, unless there is a `limit`. Default: those of this process. */
  readonly descriptors?: (() => DescriptorUsage) | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
}

export interface FileHandlesAcquireOptions {
  /** Ends the wait when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up after so long: no wait, the first one or one between two attempts, goes on beyond. Default: none. */
  readonly timeout?: Duration | undefined;
}

export interface FileHandlesInspection {
  /** How many handles may be held now. */
  readonly limit: number;
  /** What `limit` began with, and never exceeds. */
  readonly maximum: number;
  readonly held: number;
  /** How many wait, those included that wait for another attempt. */
  readonly queued: number;
  /** How many of them wait for another attempt. */
  readonly retrying: number;
  /** Milliseconds in which nobody begins, after the descriptors had run out; 0: none. */
  readonly pausedFor: number;
  /** How many attempts have found no descriptor. */
  readonly exhausted: number;
  /** How many callers were refused because too many waited. */
  readonly refused: number;
}

/** More at a time make no disk faster; each costs memory. */
const usualMaximum = 1024;
/** How long nobody begins when descriptors have run out. Others of the machine, on ENFILE, must not come in step. */
const pauses = new BackoffSchedule({ initial: 5, maximum: 1000, jitter: "decorrelated" });
/** In so many steps the limit grows from nothing to its maximum. */
const steps = 20;
const never = Number.NEGATIVE_INFINITY;
/** The lists of those who wait. */
const again = 0;
const first = 1;

/**
 * Keeps a process within its file descriptors. At most as many handles are held at a time as the system's limit leaves;
 * others wait in the order they came.
 *
 * A task that finds no descriptor (`EMFILE`, `ENFILE`), because something else has taken them, is not lost: the limit is
 * halved, nobody begins for a while (5 ms, growing to 1 s, with jitter), then the task runs again, before all that came
 * later. When as many tasks as the limit allows have ended without that, the limit grows by a 20th of its maximum.
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { FileHandles } from "snowshed/throttle";
 *
 * const handles = new FileHandles({ name: "reports" });
 * const file = new URL(import.meta.url);
 * const reads = Array.from({ length: 5000 }, () => handles.run(() => readFile(file, "utf8")));
 * console.log((await Promise.all(reads)).length, handles.inspect().held); // 5000 0
 * ```
 */
export class FileHandles {
  readonly name: string | undefined;
  readonly #maximum: number;
  readonly #maxQueue: number;
  readonly #clock: Clock;
  readonly #queues = [new Queue<HandlesWaiter>(), new Queue<HandlesWaiter>()] as const;
  #limit: number;
  #held = 0;
  /** How often the limit was cut: tells the tasks that began since the last time from those before. */
  #cuts = 0;
  /** How many tasks have ended well since the limit was changed. */
  #ended = 0;
  #exhausted = 0;
  #refused = 0;
  /** The last pause, 0 after a task that ended well. Milliseconds. */
  #pause = 0;
  #pausedUntil = never;
  /** Of the pause, while somebody waits for its end. */
  #cancelTimer: (() => void) | null = null;
  readonly #host: WaitHost = {
    giveUp: (waiter, error) => this.#giveUp(waiter as HandlesWaiter, error),
    callOff: (waiter) => this.#release((waiter as HandlesWaiter).weight),
  };

  constructor(options: FileHandlesOptions = {}) {
    const { reserve = 0.2, limit, maxQueue = Number.POSITIVE_INFINITY, clock = systemClock } = options;
    const { descriptors = descriptorUsage } = options;
    if (typeof reserve !== "number" || !(reserve >= 0 && reserve < 1)) {
      const NativeError = typeof reserve === "number" ? RangeError : TypeError;
      throw invalidArgument(NativeError, "reserve", "a number in [0, 1)", reserve);
    }
    if (limit !== undefined) checkInteger(limit, "limit", 1);
    checkInteger(maxQueue, "maxQueue", 0, true);
    checkFunction(descriptors, "descriptors");
    this.#maximum = limit ?? maximumOf(descriptors(), reserve);
    this.#limit = this.#maximum;
    this.#maxQueue = maxQueue;
    this.#clock = clock;
    this.name = options.name;
    hooks?.resourceCreated(this, "file-handles", this.name, this.#maximum);
  }

  /** How many handles may be held now. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Takes `weight` handles if they are free, nobody waits and there is no pause; never waits. `weight` is an integer of
   * at least 1, and at most the limit at the beginning (`SNOWSHED_NEVER_FITS`).
   */
  tryPermit(weight: number = 1): Permit | undefined {
    this.#checkWeight(weight);
    return this.#tryTake(weight) ? this.#permit(weight) : undefined;
  }

  /**
   * Takes `weight` handles as soon as they are free and everyone who came before has been served. One that is heavier
   * than the limit has become goes when nothing is held. What happens to a file in the meantime is not known here: only
   * `run()` can try again.
   *
   * Rejects, having taken nothing: with the cancellation when `signal` aborts, with `DeadlineExceededError` after
   * `timeout`, with `SNOWSHED_LIMIT_EXCEEDED` when `maxQueue` wait already, with `SNOWSHED_NEVER_FITS`.
   */
  async permit(weight: number = 1, options: FileHandlesAcquireOptions = {}): Promise<Permit> {
    await this.#take(new Request(weight, options, this.#clock));
    return this.#permit(weight);
  }

  /**
   * Runs `task` while it holds `weight` handles (default 1): so many it may have open at a time. It runs again after
   * `EMFILE` or `ENFILE`, also as a cause or in an AggregateError, but not as the cause of a cancellation, a timeout or a
   * fatal error. So it must be one that can be repeated up to where it opens, and it must close what it had opened before
   * it fails.
   *
   * Resolves and rejects as the task does, but for these two; rejects as `permit()` does, also between two attempts: after
   * `timeout` with what the last attempt failed with as the `cause`. Without `signal` and `timeout` it is tried until it
   * works.
   */
  async run<T>(
    task: (context: Context) => T | PromiseLike<T>,
    options: FileHandlesAcquireOptions & { readonly weight?: number | undefined } = {},
  ): Promise<T> {
    checkFunction(task, "task");
    const context = contextOf(options.signal, this.#clock);
    const request = new Request(options.weight ?? 1, options, this.#clock);
    let waiting = this.#take(request);
    for (;;) {
      // Not awaited when there is room: the task begins before run() returns.
      const cuts = waiting === undefined ? this.#cuts : await waiting;
      try {
        const value = await task(context);
        this.#succeed(cuts);
        return value;
      } catch (error) {
        if (!isOutOfDescriptors(error)) {
          this.#succeed(cuts);
          throw error;
        }
        this.#shrink(cuts);
        request.failure = error;
        // Before the handles are given back: its place is before those who came later.
        waiting = this.#wait(request, again);
      } finally {
        this.#release(request.weight);
      }
    }
  }

  inspect(): FileHandlesInspection {
    return {
      limit: this.#limit,
      maximum: this.#maximum,
      held: this.#held,
      queued: this.#queues[first].size + this.#queues[again].size,
      retrying: this.#queues[again].size,
      pausedFor: this.#pauseLeft(),
      exhausted: this.#exhausted,
      refused: this.#refused,
    };
  }

  #checkWeight(weight: number): void {
    checkInteger(weight, "weight", 1);
    if (weight <= this.#maximum) return;
    const message = `weight ${weight} exceeds the ${this.#maximum} file handles${this.#label()}`;
    throw new SnowshedError("SNOWSHED_NEVER_FITS", message);
  }

  /** `undefined` when the handles were taken at once; else what `#wait()` returns. */
  #take(request: Request): Promise<number> | undefined {
    this.#checkWeight(request.weight);
    if (request.scope?.isAborted) return Promise.reject(request.scope.abortReason);
    if (this.#tryTake(request.weight)) return undefined;
    const queued = this.#queues[first].size;
    if (queued < this.#maxQueue || request.timeout <= 0) return this.#wait(request, first);
    this.#refused++;
    const message = `refused at the limit ${this.#limit}${this.#label()}: ${this.#held} held, ${queued} queued`;
    return Promise.reject(new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", message));
  }

  #tryTake(weight: number): boolean {
    if (this.#next !== null || !this.#fits(weight) || this.#pauseLeft() > 0) return false;
    this.#held += weight;
    hooks?.acquired(this, weight);
    return true;
  }

  #fits(weight: number): boolean {
    return this.#held === 0 || this.#held + weight <= this.#limit;
  }

  #permit(weight: number): Permit {
    return new HeldPermit(this, weight, () => this.#release(weight));
  }

  #release(weight: number): void {
    this.#held -= weight;
    hooks?.released(this, weight);
    this.#serve();
  }

  /** A task has ended that began after so many cuts, and there were descriptors enough. */
  #succeed(cuts: number): void {
    if (cuts !== this.#cuts) return;
    this.#pause = 0;
    if (this.#limit === this.#maximum || ++this.#ended < this.#limit) return;
    this.#ended = 0;
    this.#limit = Math.min(this.#maximum, this.#limit + Math.ceil(this.#maximum / steps));
  }

  /** A task has found no descriptor that began after so many cuts. */
  #shrink(cuts: number): void {
    this.#exhausted++;
    // It says nothing of the limit as it has become since: all that run when descriptors run out count as one.
    if (cuts !== this.#cuts) return;
    this.#cuts++;
    this.#ended = 0;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#pause = pauses.delay(1, this.#pause, this.#clock);
    this.#pausedUntil = this.#clock.now() + this.#pause;
  }

  #pauseLeft(): number {
    if (this.#pausedUntil === never) return 0;
    // No more than all of it: the clock may have been put back.
    const left = Math.min(this.#pausedUntil - this.#clock.now(), this.#pause);
    if (left > 0) return left;
    this.#pausedUntil = never;
    return 0;
  }

  /** Resolves with the cuts until it was admitted: others that were, too, may already have made the next one. */
  #wait(request: Request, list: typeof again | typeof first): Promise<number> {
    const { weight, scope, timeout, due, failure } = request;
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const now = this.#clock.now();
    const timedOut = (): unknown => {
      const message = `waited ${timeout} ms for ${weight} of the ${this.#limit} file handles${this.#label()}`;
      return new DeadlineExceededError(message, failure === undefined ? undefined : { cause: failure });
    };
    if (now >= due) return Promise.reject(timedOut());
    return new Promise((resolve, reject) => {
      const admitted = (): void => resolve(waiter.cuts);
      const waiter = new HandlesWaiter(this.#host, now, list, scope !== null, admitted, reject, weight);
      scope?.link(waiter);
      if (due !== Number.POSITIVE_INFINITY) {
        // No more than all of it: the clock may have been put back since the call.
        const left = Math.min(due - now, timeout);
        waiter.cancelTimer = this.#clock.setTimeout(() => this.#giveUp(waiter, timedOut()), left);
      }
      this.#queues[list].push(waiter);
      hooks?.blocked(this, weight, waiter, patienceOf(scope, timeout));
      this.#serve();
    });
  }

  get #next(): HandlesWaiter | null {
    return this.#queues[again].head ?? this.#queues[first].head;
  }

  /** Lets go who may go, and comes back when a pause is over. */
  #serve(): void {
    if (this.#next === null) return this.#stopTimer();
    if (this.#cancelTimer !== null) return;
    const left = this.#pauseLeft();
    if (left > 0) {
      this.#cancelTimer = this.#clock.setTimeout(() => {
        this.#cancelTimer = null;
        this.#pausedUntil = never;
        this.#serve();
      }, left);
      return;
    }
    for (let waiter = this.#next; waiter !== null && this.#fits(waiter.weight); waiter = this.#next) {
      this.#queues[waiter.band]!.remove(waiter);
      this.#held += waiter.weight;
      waiter.cuts = this.#cuts;
      if (hooks !== null) {
        hooks.unblocked(this, waiter, true);
        // Not the one of the line before, if that has taken itself out.
        hooks?.acquired(this, waiter.weight);
      }
      waiter.admit();
    }
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #giveUp(waiter: HandlesWaiter, error: unknown): void {
    this.#queues[waiter.band]!.remove(waiter);
    hooks?.unblocked(this, waiter, false);
    waiter.refuse(error);
    // It may have been what the others waited behind.
    this.#serve();
  }

  #label(): string {
    return this.name === undefined ? "" : ` of "${this.name}"`;
  }
}

class HandlesWaiter extends WeightedWaiter {
  declare before: HandlesWaiter | null;
  declare after: HandlesWaiter | null;
  /** How often the limit had been cut when it was admitted. */
  cuts = 0;
}

/** What a caller asked for, checked. */
class Request {
  readonly weight: number;
  readonly scope: AbortScope | null;
  readonly timeout: number;
  /** When `timeout` is over, by the clock. */
  readonly due: number;
  /** What the last attempt failed with. */
  failure: unknown;

  constructor(weight: number, options: FileHandlesAcquireOptions, clock: Clock) {
    this.weight = weight;
    this.scope = scopeOf(options.signal);
    this.timeout = toMilliseconds(options.timeout ?? Number.POSITIVE_INFINITY, "timeout");
    this.due = this.timeout === Number.POSITIVE_INFINITY ? this.timeout : clock.now() + this.timeout;
  }
}

function maximumOf(usage: DescriptorUsage, reserve: number): number {
  const { softLimit, open } = Object(usage) as DescriptorUsage;
  checkInteger(softLimit, "softLimit of descriptors()", 0, true);
  checkInteger(open, "open of descriptors()", 0);
  return Math.max(1, Math.min(usualMaximum, Math.floor((softLimit - open) * (1 - reserve))));
}
