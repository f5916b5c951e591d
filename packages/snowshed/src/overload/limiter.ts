import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { AbortScope } from "../concurrency/abort.ts";
import { patienceOf, scopeOf } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds, toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { gradient } from "./algorithms/gradient.ts";
import { CancelableWaiter } from "./cancelable-waiter.ts";
import type { LimitAlgorithm } from "./algorithms/limit-algorithm.ts";
import type { Classify } from "./classify.ts";
import { classify, classifyError, classifyValue, limitOutcomeOf } from "./classify.ts";
import type { LimitOutcome, LimitPermit } from "./limit-permit.ts";
import { HeldLimitPermit } from "./limit-permit.ts";
import type { LimiterInspection } from "./limiter-inspection.ts";
import { LimiterQueue } from "./limiter-queue.ts";
import type { Prioritizer } from "./prioritizer.ts";
import type { Priority } from "./priority.ts";
import { bandOf, normalBand } from "./priority.ts";

export interface LimiterOptions {
  /** What decides how many may run at once; of this limiter alone. Default: `gradient()`. */
  readonly algorithm?: LimitAlgorithm | undefined;
  /** How many may wait for a place: an integer, or `"limit"` for as many as the limit is. Default: 0, refuse at once. */
  readonly maxQueue?: number | "limit" | undefined;
  /**
   * When a queue is too slow: the oldest has waited over `target` for an `interval`. Then whoever waited over `target` is
   * shed, and the newest goes first. Default target: 20 ms, as in "Fail at Scale" and DAGOR, but where work takes longer,
   * twice what it usually takes, at most 100 ms. Default interval: 100 ms, or five times a default target that is longer.
   */
  readonly queue?: { readonly target?: Duration | undefined; readonly interval?: Duration | undefined } | undefined;
  /** Cuts off the less important first; may be shared by limiters. Default: none, only the queue knows priorities. */
  readonly prioritizer?: Prioritizer | undefined;
  /** Of `run()`: how its task ended. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** Measures latencies and waits. Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
}

export interface LimiterAcquireOptions {
  /** Ends the wait when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Refused after so long a wait. Default: none but what the queue's `target` sets. */
  readonly maxWait?: Duration | undefined;
  /** Default: `"normal"`. */
  readonly priority?: Priority | undefined;
}

/**
 * Lets as many run at once as can be served well, found by measuring; the rest is refused at once, or waits in a short
 * queue. A `Semaphore` has a number that somebody chose; a limiter has an `algorithm` that learns it.
 *
 * Admitted is who finds fewer than `limit` in flight. A fallen limit takes nothing from those in flight. A place is
 * given back when the work has ended, with how it ended: the latency of a success and the fact of a drop are what the
 * algorithm learns from.
 *
 * @example
 * ```ts
 * import { fixed, Limiter } from "snowshed";
 *
 * const limiter = new Limiter({ algorithm: fixed(1), name: "search" });
 * const first = limiter.run(async () => "found");
 * const second = limiter.run(async () => "found").catch((error) => error.code);
 * console.log(await first, await second); // found SNOWSHED_LIMIT_EXCEEDED
 * ```
 */
export class Limiter {
  readonly name: string | undefined;
  readonly #algorithm: LimitAlgorithm;
  readonly #maxQueue: number | "limit";
  readonly #queue: LimiterQueue | null;
  readonly #prioritizer: Prioritizer | null;
  readonly #classify: Classify;
  readonly #clock: Clock;
  readonly #context: Context;
  #limit: number;
  #inflight = 0;
  /** Whether the last one that `enter()` refused was cut off by its priority. */
  #cutOff = false;
  #accepted = 0;
  #shed = 0;
  /** Of those: for their priority, and out of the queue. */
  #cutOffs = 0;
  #late = 0;
  #dropped = 0;
  /** One object for all samples. */
  readonly #sample = { latency: 0, inflight: 0, dropped: false, at: 0 };

  constructor(options: LimiterOptions = {}) {
    const { algorithm = gradient(), maxQueue = 0, prioritizer = null, clock = systemClock } = options;
    if (typeof algorithm?.sample !== "function" || typeof algorithm.limit !== "number") {
      throw invalidArgument(TypeError, "algorithm", "a LimitAlgorithm", algorithm);
    }
    if (maxQueue !== "limit") checkInteger(maxQueue, "maxQueue", 0);
    const target = waitOf(options.queue?.target, "queue.target");
    const interval = waitOf(options.queue?.interval, "queue.interval");
    if (typeof prioritizer?.pass !== "function" && prioritizer !== null) {
      throw invalidArgument(TypeError, "prioritizer", "a Prioritizer", prioritizer);
    }
    this.#classify = options.classify ?? classify;
    checkFunction(this.#classify, "classify");
    this.#algorithm = algorithm;
    this.#limit = wholeLimit(algorithm);
    this.#maxQueue = maxQueue;
    this.#queue = maxQueue === 0 ? null : new LimiterQueue(target, interval);
    this.#prioritizer = prioritizer;
    this.#clock = clock;
    this.#context = clock === systemClock ? Context.background : Context.root({ clock });
    this.name = options.name;
    hooks?.resourceCreated(this, "limiter", this.name, this.#limit);
  }

  /** How many may be in flight now: what the algorithm says, rounded down, at least 1. */
  get limit(): number {
    return this.#limit;
  }

  /** How many were admitted and have not ended. After a fall of the limit it may be above it for a while. */
  get inflight(): number {
    return this.#inflight;
  }

  /** How many wait. */
  get queued(): number {
    return this.#queue?.size ?? 0;
  }

  /** How many may wait now. */
  get #queueCapacity(): number {
    return this.#maxQueue === "limit" ? this.#limit : this.#maxQueue;
  }

  /** How many were ever admitted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How many were ever refused: at once, or from the queue for waiting too long. Those who gave up are no part of it. */
  get shed(): number {
    return this.#shed;
  }

  /** How many of those admitted ended as dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  inspect(): LimiterInspection {
    const { limit, inflight, queued, accepted, dropped } = this;
    const shed = { limit: this.#shed - this.#cutOffs - this.#late, priority: this.#cutOffs, wait: this.#late };
    return { limit, inflight, queued, accepted, dropped, shed };
  }

  /**
   * A place, if there is one now; never waits. `undefined` when the limit is reached, somebody waits who goes first, or
   * the priority is cut off.
   */
  tryAcquire(options?: Pick<LimiterAcquireOptions, "priority">): LimitPermit | undefined {
    const at = this.#clock.now();
    return this.enter(at, options?.priority) ? new HeldLimitPermit(this, at) : undefined;
  }

  /**
   * A place, after a wait in the queue if need be.
   *
   * Rejects, holding nothing: with `SNOWSHED_LIMIT_EXCEEDED` at once when there is neither a place nor one in the queue,
   * later when it waited `maxWait` or too long for an overloaded queue; with the cancellation when `signal` aborts, also
   * if a place was found in the same tick.
   */
  async acquire(options: LimiterAcquireOptions = {}): Promise<LimitPermit> {
    return new HeldLimitPermit(this, await this.#admit(options));
  }

  /**
   * Runs `task` in a place, and gives that back when it has ended. `ok` is a success, an overload or a timeout is
   * dropped, everything else ignored. Resolves and rejects as the task does; rejects as `acquire()` does without having
   * run it, and with `SNOWSHED_CLASSIFIER_FAILED` if `classify` threw.
   *
   * The task gets the context of `signal`. One that stops waiting for its result does not free its place: limit n means
   * n bodies alive.
   */
  async run<T>(task: (context: Context) => T | PromiseLike<T>, options: LimiterAcquireOptions = {}): Promise<T> {
    checkFunction(task, "task");
    const { signal } = options;
    const context = signal === undefined ? this.#context : contextOf(signal, this.#clock);
    const admission = this.#admit(options);
    // Not awaited when there is room: the task begins before run() returns.
    const admittedAt = typeof admission === "number" ? admission : await admission;
    let value: T;
    try {
      value = await task(context);
    } catch (error) {
      this.#ended(admittedAt, true, error);
      throw error;
    }
    this.#ended(admittedAt, false, value);
    return value;
  }

  /**
   * Takes a place, if there is one now. Allocates nothing. `at` is now, by the limiter's clock, as in all of these.
   * Whoever may also wait calls `wait()` next, in the same step.
   *
   * @internal
   */
  enter(at: number, priority?: Priority): boolean {
    const band = priority === undefined ? normalBand : bandOf(priority);
    const prioritizer = this.#prioritizer;
    this.#cutOff = prioritizer !== null && !prioritizer.pass(priority, at);
    // Nobody is passed over: whoever waits does so because there is no room for its band, nor then for one below it.
    if (!this.#cutOff && this.#inflight < this.#room(band)) {
      this.#take();
      return true;
    }
    this.#shed++;
    if (this.#cutOff) this.#cutOffs++;
    else prioritizer?.refused(1);
    return false;
  }

  /**
   * Whether there is a place in the queue for one that `enter()` just refused: whoever finds none need not pay for the
   * error that `wait()` would make of it. Sheds who has waited too long.
   *
   * @internal
   */
  mayWait(at: number, priority?: Priority): boolean {
    const queue = this.#queue;
    if (queue === null || this.#cutOff) return false;
    queue.look(at);
    this.#shedLate(queue, at);
    return queue.size < this.#queueCapacity || queue.lastBelow(bandOf(priority)) !== null;
  }

  /**
   * Waits for a place after `enter()` found none; resolves once admitted. `maxWait` in milliseconds, or Infinity.
   *
   * @internal
   */
  wait(at: number, scope: AbortScope | null, maxWait: number, priority?: Priority): Promise<void> {
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    if (maxWait <= 0 || !this.mayWait(at, priority)) return Promise.reject(this.refusal());
    const queue = this.#queue!;
    const band = bandOf(priority);
    this.#countShed(-1);
    if (this.#inflight < this.#room(band)) {
      // Not in the same step, then: nothing would wake it.
      this.#take();
      return Promise.resolve();
    }
    if (queue.size >= this.#queueCapacity) this.#refuse(queue.lastBelow(band)!, at);
    return new Promise((resolve, reject) => {
      const waiter = new CancelableWaiter(this, at, band, scope !== null, resolve, reject);
      scope?.link(waiter);
      if (maxWait !== Number.POSITIVE_INFINITY) {
        waiter.cancelTimer = this.#clock.setTimeout(() => this.#refuse(waiter, this.#clock.now()), maxWait);
      }
      queue.push(waiter);
      hooks?.blocked(this, 1, waiter, patienceOf(scope, maxWait));
    });
  }

  /**
   * Gives a place back, with how the work ended, and admits who is next.
   *
   * @internal
   */
  leave(admittedAt: number, outcome: LimitOutcome, at: number): void {
    const inflight = this.#inflight--;
    hooks?.released(this, 1);
    try {
      if (outcome !== "ignore") this.#learn(admittedAt, inflight, outcome === "dropped", at);
    } finally {
      // Also if an algorithm of the user throws: the next one must not be stranded.
      if (this.#queue !== null && this.#queue.size > 0) this.#serve(this.#queue, at);
    }
  }

  /** @internal */
  leaveNow(admittedAt: number, outcome: LimitOutcome): void {
    this.leave(admittedAt, outcome, this.#clock.now());
  }

  /** The error for one that was not admitted. @internal */
  refusal(): SnowshedError {
    return this.#refusal(
      this.#cutOff ? "its priority is cut off" : `${this.#inflight} in flight, ${this.queued} queued`,
    );
  }

  /** Of a waiter that is canceled. @internal */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    this.#queue!.remove(waiter);
    hooks?.unblocked(this, waiter, false);
    waiter.refuse(error);
  }

  /** Of a waiter that was admitted and canceled in the same tick. @internal */
  callOff(): void {
    this.#accepted--;
    this.leaveNow(0, "ignore");
  }

  /** When it was admitted: at once, or after a wait. */
  #admit(options: LimiterAcquireOptions): number | Promise<number> {
    const scope = scopeOf(options.signal);
    const maxWait = toMilliseconds(options.maxWait ?? Number.POSITIVE_INFINITY, "maxWait");
    bandOf(options.priority);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const at = this.#clock.now();
    if (this.enter(at, options.priority)) return at;
    return this.wait(at, scope, maxWait, options.priority).then(() => this.#clock.now());
  }

  #take(): void {
    this.#inflight++;
    this.#accepted++;
    hooks?.acquired(this, 1);
  }

  #ended(admittedAt: number, failed: boolean, outcome: unknown): void {
    const at = this.#clock.now();
    let verdict: LimitOutcome = "ignore";
    try {
      verdict = limitOutcomeOf((failed ? classifyError : classifyValue)(this.#classify, outcome), outcome);
    } finally {
      this.leave(admittedAt, verdict, at);
    }
  }

  #learn(admittedAt: number, inflight: number, dropped: boolean, at: number): void {
    const sample = this.#sample;
    sample.latency = Math.max(0, at - admittedAt);
    sample.inflight = inflight;
    sample.dropped = dropped;
    sample.at = at;
    if (dropped) this.#dropped++;
    else this.#queue?.learn(sample.latency);
    this.#algorithm.sample(sample);
    this.#limit = wholeLimit(this.#algorithm);
  }

  /** Admits while there is room. Only then are the late ones shed: a place is of more use to a late one than to nobody. */
  #serve(queue: LimiterQueue, at: number): void {
    queue.look(at);
    for (let waiter = queue.next; waiter !== null; waiter = queue.next) {
      if (this.#inflight >= this.#room(waiter.band)) break;
      queue.remove(waiter);
      hooks?.unblocked(this, waiter, true);
      this.#take();
      waiter.admit();
    }
    this.#shedLate(queue, at);
  }

  #shedLate(queue: LimiterQueue, at: number): void {
    for (let late = queue.late(at); late !== null; late = queue.late(at)) this.#refuse(late, at);
  }

  #refuse(waiter: CancelableWaiter, at: number): void {
    this.#countShed(1);
    this.#late++;
    this.giveUp(waiter, this.#refusal(`shed after a wait of ${Math.round(at - waiter.since)} ms`));
  }

  #refusal(reason: string): SnowshedError {
    const name = this.name === undefined ? "" : ` of "${this.name}"`;
    return new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", `refused at the limit ${this.#limit}${name}: ${reason}`);
  }

  /** One that passed the cut-off was refused: `1`; or not yet, since it waits: `-1`. */
  #countShed(count: 1 | -1): void {
    this.#shed += count;
    this.#prioritizer?.refused(count);
  }

  /** How many places a band may use. */
  #room(band: number): number {
    return this.#prioritizer === null ? this.#limit : this.#prioritizer.room(this.#limit, band);
  }
}

function waitOf(duration: Duration | undefined, name: string): number | undefined {
  return duration === undefined ? undefined : toMillisecondsInRange(duration, name, 0);
}

function wholeLimit(algorithm: LimitAlgorithm): number {
  const { limit } = algorithm;
  // Also for NaN: a limiter that admits nobody would never learn again.
  return limit >= 1 ? Math.floor(limit) : 1;
}
