import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { scopeOf } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError, invalidArgument, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { answerOf } from "../overload/headers.ts";
import type { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import { bandOf, normalBand } from "../overload/priority.ts";
import { retryAfter } from "../overload/retry-after.ts";
import type {
  Limit,
  QuotaAcquireOptions,
  QuotaInspection,
  QuotaLimit,
  QuotaOptions,
  QuotaPermit,
} from "./quota-options.ts";
import { limitOf, noReserve, sharesOf } from "./quota-options.ts";
import { rateLimitFields } from "./rate-limit-fields.ts";
import { ServerWindow } from "./server-window.ts";
import { WaitingLine, WeightedWaiter } from "./waiting-line.ts";

/** What a service that refuses and does not say for how long is left alone, in milliseconds. */
const pauseAfterRefusal = 1000;
/**
 * Keeps calls within what somebody allows: so many requests per second, per minute, per hour, several at once. They are
 * spaced evenly, and wait in order; what may go at once after a pause is `burst`.
 *
 * In any `t`, at most `burst + t · requests / per` units pass (instead of `burst` the heaviest weight, if that is more). It is
 * counted in whole microseconds, so it never drifts.
 *
 * `observe()` corrects it by what the service says: what is left of its window is spent evenly up to its end, and after
 * a 429, or a 503 with `Retry-After`, nobody goes until it may be tried again. `run()` observes by itself.
 *
 * @example
 * ```ts
 * import { Quota } from "snowshed/throttle";
 *
 * const github = new Quota({ limits: [{ requests: 5000, per: "1h", burst: 10 }], name: "github" });
 * const response = await github.run(async () => new Response("42", { headers: { "X-RateLimit-Remaining": "4990" } }));
 * console.log(await response.text()); // 42
 * ```
 */
export class Quota {
  readonly name: string | undefined;
  readonly #limits: readonly Limit[];
  readonly #maxQueue: number;
  /** By band: what part of everything it may use, with those below it. */
  readonly #shares: readonly number[];
  /** By band: how many of the meters of each limit count what it uses. */
  readonly #depths: readonly number[];
  readonly #line = new WaitingLine<WeightedWaiter>();
  readonly #server: ServerWindow;
  /** Without a reset, what a service says is of a window as long as the shortest limit. Microseconds. */
  readonly #shortest: number;
  readonly #clock: Clock;
  /** Units of calls by `run()` that have not ended. */
  #underWay = 0;
  /** Microseconds, by the clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;

  constructor(options: QuotaOptions) {
    const { limits, maxQueue = 1000, clock = systemClock } = options;
    if (!Array.isArray(limits) || limits.length === 0) {
      throw invalidArgument(TypeError, "limits", "an array of at least one limit", limits);
    }
    checkInteger(maxQueue, "maxQueue", 0, true);
    this.#shares = options.reserve === undefined ? noReserve : sharesOf(options.reserve);
    const distinct = [...new Set(this.#shares)];
    this.#depths = options.reserve === undefined ? noReserve : this.#shares.map((share) => distinct.indexOf(share) + 1);
    this.#limits = limits.map((limit: QuotaLimit, index) => limitOf(limit, index, distinct));
    this.#maxQueue = maxQueue;
    this.#server = new ServerWindow(Math.min(...this.#limits.map(({ burst }) => burst)));
    this.#shortest = Math.min(...this.#limits.map(({ per }) => per));
    this.#clock = clock;
    this.name = options.name;
    hooks?.resourceCreated(this, "quota", this.name, this.#limits[0]!.requests);
  }

  /** How many wait. */
  get queued(): number {
    return this.#line.size;
  }

  /**
   * Spends `weight` units if they may go now and nobody waits who goes first; never waits. `weight` is an integer of at
   * least 1 and at most the `requests` of each limit (`SNOWSHED_NEVER_FITS`).
   */
  tryPermit(weight: number = 1, options?: Pick<QuotaAcquireOptions, "priority">): QuotaPermit | undefined {
    this.#checkWeight(weight);
    const band = bandOf(options?.priority);
    return this.#tryTake(weight, band, this.#now()) ? new SpentPermit(this, weight, band) : undefined;
  }

  /**
   * Spends `weight` units as soon as they may go, and everyone who came before in the same band or a more important one
   * has gone.
   *
   * Rejects, having spent nothing: with `SNOWSHED_LIMIT_EXCEEDED` when `maxQueue` wait already (the least important that
   * came last goes, if that is not this one), or when the wait is known to exceed `timeout`, with `retryAfter` in milliseconds; with
   * `DeadlineExceededError` after `timeout`; with the cancellation when `signal` aborts; with `SNOWSHED_NEVER_FITS`.
   */
  permit(weight: number = 1, options?: QuotaAcquireOptions): Promise<QuotaPermit> {
    // The commonest case, without what an async function costs.
    if (options === undefined && weight === 1 && this.#tryTake(1, normalBand, this.#now())) {
      return Promise.resolve(new SpentPermit(this, 1, normalBand));
    }
    return this.#permit(weight, options ?? {});
  }

  async #permit(weight: number, options: QuotaAcquireOptions): Promise<QuotaPermit> {
    const band = bandOf(options.priority);
    await this.#spend(weight, band, options);
    return new SpentPermit(this, weight, band);
  }

  /**
   * Runs `task` once its `weight` units (default 1) may go, and observes what it returns or throws. Resolves and rejects
   * as the task does; rejects as `permit()` does without having run it.
   */
  async run<T>(
    task: (context: Context) => T | PromiseLike<T>,
    options: QuotaAcquireOptions & { readonly weight?: number | undefined } = {},
  ): Promise<T> {
    checkFunction(task, "task");
    const { weight = 1, signal } = options;
    const context = contextOf(signal, this.#clock);
    const wait = this.#spend(weight, bandOf(options.priority), options);
    // Not awaited when there is room: the task begins before run() returns.
    if (wait !== undefined) await wait;
    this.#underWay += weight;
    let outcome: unknown;
    try {
      const value = await task(context);
      outcome = value;
      return value;
    } catch (error) {
      outcome = error;
      throw error;
    } finally {
      this.#underWay -= weight;
      this.observe(outcome);
    }
  }

  /**
   * Learns from an answer, or from an error that carries one: a `Response`, or anything with `headers` and `status` or
   * `statusCode`. What says nothing of a quota is passed over. Never throws.
   *
   * - `RateLimit`, `RateLimit-*`, `X-RateLimit-*` and their kin: what is left is spent evenly until the reset.
   * - 429, or 503 with `Retry-After`: all wait, until `Retry-After`, or the reset if nothing is left, or for 1 s.
   */
  observe(outcome: unknown): void {
    if (typeof outcome !== "object" || outcome === null) return;
    const now = this.#now();
    const date = this.#clock.date();
    const answer = answerOf(outcome);
    const fields = answer === undefined ? undefined : rateLimitFields(answer.headers, date);
    if (fields !== undefined) {
      const reset = fields.reset === undefined ? this.#shortest : Math.ceil(fields.reset * 1000);
      this.#server.observe(fields, now + reset, this.#underWay, now);
    }
    const asked = retryAfter(outcome, date);
    if (answer?.status === 429 || (answer?.status === 503 && asked !== undefined)) {
      const untilReset = fields?.remaining === 0 ? fields.reset : undefined;
      const pause = asked ?? untilReset ?? pauseAfterRefusal;
      this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.ceil(pause * 1000));
    }
    if (this.#line.size > 0) this.#serve();
  }

  inspect(): QuotaInspection {
    const now = this.#now();
    const { remaining, endsAt } = this.#server;
    return {
      limits: this.#limits.map(({ requests, per, meters }) => ({
        requests,
        per: per / 1000,
        available: meters[0]!.available(now),
      })),
      queued: this.#line.size,
      pausedFor: Math.max(0, this.#pausedUntil - now) / 1000,
      server: now < endsAt ? { remaining, endsIn: (endsAt - now) / 1000 } : undefined,
    };
  }

  /** Of a waiter that is canceled. @internal */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    this.#line.remove(waiter as WeightedWaiter);
    hooks?.unblocked(this, waiter, false);
    waiter.refuse(error);
    // It may have been what the others waited behind.
    this.#serve();
  }

  /** Of a waiter that was admitted and canceled in the same tick. @internal */
  callOff(waiter: CancelableWaiter): void {
    this.refund((waiter as WeightedWaiter).weight, waiter.band);
  }

  /** @internal */
  refund(weight: number, band: number): void {
    for (const { meters } of this.#limits) {
      for (let each = 0; each < this.#depths[band]!; each++) meters[each]!.refund(weight);
    }
    this.#server.refund(weight, this.#now());
    if (this.#line.size > 0) this.#serve();
  }

  #now(): number {
    return Math.floor(this.#clock.now() * 1000);
  }

  #checkWeight(weight: number): void {
    checkInteger(weight, "weight", 1);
    for (const { requests, per } of this.#limits) {
      if (weight <= requests) continue;
      const message = `weight ${weight} exceeds ${requests} per ${per / 1000} ms${this.#label()}`;
      throw new SnowshedError("SNOWSHED_NEVER_FITS", message);
    }
  }

  /** Microseconds until `weight` units of a band may go, if nobody goes before. */
  #wait(weight: number, band: number, now: number): number {
    let wait = Math.max(0, this.#pausedUntil - now, this.#server.wait(weight, this.#shares[band]!, now));
    for (const { meters } of this.#limits) {
      // What a band uses counts for all above it: they have their own part, and the common one.
      for (let each = 0; each < this.#depths[band]!; each++) wait = Math.max(wait, meters[each]!.wait(weight, now));
    }
    return wait;
  }

  #take(weight: number, band: number, now: number): void {
    for (const { meters } of this.#limits) {
      for (let each = 0; each < this.#depths[band]!; each++) meters[each]!.take(weight);
    }
    this.#server.take(weight, now);
  }

  #tryTake(weight: number, band: number, now: number): boolean {
    if (this.#line.firstOf(band) !== null) return false;
    if (this.#wait(weight, band, now) > 0) return false;
    this.#take(weight, band, now);
    return true;
  }

  /** `undefined` when the units were spent at once. */
  #spend(weight: number, band: number, options: QuotaAcquireOptions): Promise<void> | undefined {
    const scope = scopeOf(options.signal);
    const timeout = toMilliseconds(options.timeout ?? Number.POSITIVE_INFINITY, "timeout");
    this.#checkWeight(weight);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const now = this.#now();
    if (this.#tryTake(weight, band, now)) return undefined;
    const wait = this.#wait(weight, band, now) / 1000;
    if (wait > timeout || timeout <= 0) return Promise.reject(this.#refusal(`a wait of ${Math.ceil(wait)} ms`, wait));
    if (this.#line.size >= this.#maxQueue) {
      const last = this.#line.lastBelow(band);
      const refusal = this.#refusal(`${this.#line.size} wait already`, wait);
      if (last === null) return Promise.reject(refusal);
      this.giveUp(last, refusal);
    }
    return new Promise((resolve, reject) => {
      const waiter = new WeightedWaiter(this, now / 1000, band, scope !== null, resolve, reject, weight);
      scope?.link(waiter);
      if (timeout !== Number.POSITIVE_INFINITY) {
        const timedOut = () => new DeadlineExceededError(`waited ${timeout} ms for ${weight}${this.#label()}`);
        waiter.cancelTimer = this.#clock.setTimeout(() => this.giveUp(waiter, timedOut()), timeout);
      }
      this.#line.push(waiter);
      hooks?.blocked(this, weight, waiter);
      if (this.#line.firstOf(band) === waiter) this.#serve();
    });
  }

  /** Lets go who may go, and comes back when the next one may. */
  #serve(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const now = this.#now();
    for (let waiter = this.#line.first; waiter !== null; waiter = this.#line.first) {
      const wait = this.#wait(waiter.weight, waiter.band, now);
      if (wait > 0) {
        this.#cancelTimer = this.#clock.setTimeout(() => this.#serve(), Math.ceil(wait / 1000));
        return;
      }
      this.#line.remove(waiter);
      this.#take(waiter.weight, waiter.band, now);
      hooks?.unblocked(this, waiter, true);
      waiter.admit();
    }
  }

  #refusal(why: string, wait: number): SnowshedError {
    const error = new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", `refused by the quota${this.#label()}: ${why}`);
    // What `retryAfter()` reads.
    return Object.assign(error, { retryAfter: Math.ceil(wait) });
  }

  #label(): string {
    return this.name === undefined ? "" : ` of "${this.name}"`;
  }
}

class SpentPermit implements QuotaPermit {
  readonly weight: number;
  #quota: Quota | null;
  readonly #band: number;

  constructor(quota: Quota, weight: number, band: number) {
    this.#quota = quota;
    this.weight = weight;
    this.#band = band;
  }

  refund(): void {
    this.#quota?.refund(this.weight, this.#band);
    this.#quota = null;
  }

  [Symbol.dispose](): void {}
}
