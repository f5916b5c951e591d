import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { scopeOf } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import type { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import { bandOf, normalBand } from "../overload/priority.ts";
import { PassingTime } from "./passing-time.ts";
import { quotaAnswerOf } from "./quota-answer.ts";
import type { Limit, QuotaAcquireOptions, QuotaInspection, QuotaOptions, QuotaPermit } from "./quota-options.ts";
import { checkLimits, checkWeight, meteredLimit, sharesOf } from "./quota-options.ts";
import { quotaRefusal } from "./quota-refusal.ts";
import { longestWindow } from "./rate-limit-fields.ts";
import { ServerWindow } from "./server-window.ts";
import { QuotaWaiter, SpentPermit } from "./spent-permit.ts";
import { WaitingLine } from "./waiting-line.ts";

/**
 * Keeps calls within what somebody allows: so many requests per second, per minute, per hour, several at once. They are
 * spaced evenly, and wait in order; what may go at once after a pause is `burst`.
 *
 * In any `t`, at most `burst + t · requests / per` units pass (instead of `burst` the heaviest weight, if that is more). It is
 * counted in whole microseconds, so it never drifts.
 *
 * `observe()` corrects it by what the service says: what is left of its window is spent evenly up to its end, and after
 * a 429, or another refusal with `Retry-After`, nobody goes until it may be tried again. `run()` observes by itself.
 *
 * A clock that is set back lengthens no wait: time goes on from there.
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
  /** By band: what part of everything it may use, with those below it. Hundredths. */
  readonly #shares: readonly number[];
  /** By band: how many of the meters of each limit count what it uses. */
  readonly #depths: readonly number[];
  readonly #line = new WaitingLine<QuotaWaiter>();
  readonly #server: ServerWindow;
  /** Without a reset, what a service says is of a window as long as the shortest limit, or a day. Milliseconds. */
  readonly #shortest: number;
  readonly #clock: Clock;
  readonly #time: PassingTime;
  /** Units, from the beginning, whatever was refunded. */
  #spent = 0;
  #refused = 0;
  /** When the latest call was sent that the service did not refuse. */
  #servedAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;

  constructor(options: QuotaOptions) {
    const { limits, maxQueue = 1000, clock = systemClock } = options;
    const checked = checkLimits(limits);
    checkInteger(maxQueue, "maxQueue", 0, true);
    this.#shares = sharesOf(options.reserve ?? {});
    const distinct = [...new Set(this.#shares)];
    this.#depths = this.#shares.map((share) => distinct.indexOf(share) + 1);
    this.#limits = checked.map((limit) => meteredLimit(limit, distinct));
    this.#maxQueue = maxQueue;
    this.#server = new ServerWindow(Math.min(...this.#limits.map(({ burst }) => burst)));
    this.#shortest = Math.min(longestWindow, ...this.#limits.map(({ per }) => per / 1000));
    this.#clock = clock;
    this.#time = new PassingTime(clock);
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
    checkWeight(weight, this.#limits, this.name);
    return this.#tryTake(weight, bandOf(options?.priority), this.#time.read());
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
    if (options === undefined && weight === 1) {
      const permit = this.#tryTake(1, normalBand, this.#time.read());
      if (permit !== undefined) return Promise.resolve(permit);
    }
    return this.#permit(weight, options ?? {});
  }

  // What is wrong with its arguments rejects.
  async #permit(weight: number, options: QuotaAcquireOptions): Promise<SpentPermit> {
    return this.#spend(weight, bandOf(options.priority), options);
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
    const spending = this.#spend(weight, bandOf(options.priority), options);
    // Not awaited when there is room: the task begins before run() returns.
    const permit = spending instanceof Promise ? await spending : spending;
    let outcome: unknown;
    try {
      const value = await task(context);
      outcome = value;
      return value;
    } catch (error) {
      outcome = error;
      throw error;
    } finally {
      this.observe(outcome, permit);
    }
  }

  /**
   * Learns from an answer, or from an error that carries one: a `Response`, or anything with `headers` and `status` or
   * `statusCode`. What says nothing of a quota is passed over. Never throws.
   *
   * - `RateLimit`, `RateLimit-*`, `X-RateLimit-*` and their kin: what is left is spent evenly until the reset.
   * - 429, or 403, 503 and 529 with `Retry-After`: all wait, until `Retry-After`, or the reset if nothing is left, or for 1 s.
   *
   * `permit` is that of the call, and says when it was sent: what was sent after it is not counted in the answer, and
   * an answer that comes late is no news. Without it, the answer counts as one to the latest call.
   */
  observe(outcome: unknown, permit?: QuotaPermit): void {
    const answer = quotaAnswerOf(outcome, this.#clock.date());
    if (answer === undefined) return;
    const now = this.#time.read();
    const sent = permit instanceof SpentPermit && permit.host === this ? permit : { at: now, mark: this.#spent };
    const { status, fields } = answer;
    if (fields !== undefined) {
      const { reset = this.#shortest } = fields;
      this.#server.observe({ ...fields, reset }, sent, this.#spent, now);
    }
    if (answer.pause !== undefined) {
      const pause = Math.ceil(answer.pause * 1000);
      // Not if a call was served that was sent when this pause was over: the answer came late.
      if (sent.at + pause > this.#servedAt) this.#pausedUntil = Math.max(this.#pausedUntil, now + pause);
    } else if (status !== undefined && status < 500) {
      this.#servedAt = Math.max(this.#servedAt, sent.at);
    }
    if (this.#line.size > 0) this.#serve();
  }

  inspect(): QuotaInspection {
    const now = this.#time.read();
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
      refused: this.#refused,
    };
  }

  /** Of a waiter that is canceled. @internal */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    this.#line.remove(waiter as QuotaWaiter);
    hooks?.unblocked(this, waiter, false);
    waiter.refuse(error);
    // It may have been what the others waited behind.
    this.#serve();
  }

  /** Of a waiter that was admitted and canceled in the same tick. @internal */
  callOff(waiter: CancelableWaiter): void {
    this.refund((waiter as QuotaWaiter).permit!);
  }

  /** @internal */
  refund({ weight, band, at, mark }: SpentPermit): void {
    const now = this.#time.read();
    for (const { meters } of this.#limits) {
      for (let each = 0; each < this.#depths[band]!; each++) meters[each]!.refund(weight, now - at);
    }
    this.#server.refund(weight, mark, now);
    if (this.#line.size > 0) this.#serve();
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

  #take(weight: number, band: number, now: number): SpentPermit {
    for (const { meters } of this.#limits) {
      for (let each = 0; each < this.#depths[band]!; each++) meters[each]!.take(weight);
    }
    this.#server.take(weight, now);
    this.#spent += weight;
    return new SpentPermit(this, weight, band, now, this.#spent);
  }

  #tryTake(weight: number, band: number, now: number): SpentPermit | undefined {
    if (this.#line.firstOf(band) !== null) return undefined;
    return this.#wait(weight, band, now) > 0 ? undefined : this.#take(weight, band, now);
  }

  #spend(weight: number, band: number, options: QuotaAcquireOptions): SpentPermit | Promise<SpentPermit> {
    const scope = scopeOf(options.signal);
    const timeout = toMilliseconds(options.timeout ?? Number.POSITIVE_INFINITY, "timeout");
    checkWeight(weight, this.#limits, this.name);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const now = this.#time.read();
    const permit = this.#tryTake(weight, band, now);
    if (permit !== undefined) return permit;
    const wait = this.#wait(weight, band, now) / 1000;
    // It may fit, and wait for one before it that does not.
    const first = this.#line.firstOf(band);
    const retry = first === null ? wait : Math.max(wait, this.#wait(first.weight, first.band, now) / 1000);
    if (wait > timeout || timeout <= 0) {
      this.#refused++;
      return Promise.reject(quotaRefusal(this.name, `a wait of ${Math.ceil(retry)} ms`, retry));
    }
    if (this.#line.size >= this.#maxQueue) {
      this.#refused++;
      const last = this.#line.lastBelow(band);
      const refusal = quotaRefusal(this.name, `${this.#line.size} wait already`, retry);
      if (last === null) return Promise.reject(refusal);
      this.giveUp(last, refusal);
    }
    return new Promise((resolve, reject) => {
      const admit = resolve as (value?: unknown) => void;
      const waiter = new QuotaWaiter(this, now / 1000, band, scope !== null, admit, reject, weight);
      scope?.link(waiter);
      if (timeout !== Number.POSITIVE_INFINITY) {
        const label = this.name === undefined ? "" : ` of "${this.name}"`;
        const timedOut = () => new DeadlineExceededError(`waited ${timeout} ms for ${weight}${label}`);
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
    const now = this.#time.read();
    for (let waiter = this.#line.first; waiter !== null; waiter = this.#line.first) {
      const wait = this.#wait(waiter.weight, waiter.band, now);
      if (wait > 0) {
        this.#cancelTimer = this.#clock.setTimeout(() => this.#serve(), Math.ceil(wait / 1000));
        return;
      }
      this.#line.remove(waiter);
      waiter.permit = this.#take(waiter.weight, waiter.band, now);
      hooks?.unblocked(this, waiter, true);
      waiter.admit();
    }
  }
}
