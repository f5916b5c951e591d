import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";
import type { Backoff } from "./backoff.ts";
import { BackoffSchedule } from "./backoff.ts";
import type { Classification, Classify } from "./classify.ts";
import { classify } from "./classify.ts";
import { isObject, read } from "./inspection.ts";
import { retryAfter } from "./retry-after.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** A failed attempt that will be followed by another. */
export interface RetryEvent<T = unknown> {
  /** Which attempt failed: 1 for the first. */
  readonly attempt: number;
  readonly classification: Classification;
  /** What was thrown; missing when the attempt returned. */
  readonly error?: unknown;
  /** The response that was returned; missing when the attempt threw. */
  readonly result?: T;
  /** Milliseconds until the next attempt. */
  readonly delay: number;
}

/** A failed attempt that no other follows. */
export interface GiveUpEvent<T = unknown> {
  /** Attempts made. */
  readonly attempts: number;
  readonly reason: GiveUpReason;
  readonly classification: Classification;
  /** What was thrown; missing when the attempt returned. */
  readonly error?: unknown;
  /** The response that was returned; missing when the attempt threw. */
  readonly result?: T;
}

/**
 * Why there is no further attempt: `"attempts"`: all were made; `"budget"`: it was empty; `"deadline"`: the wait would
 * not end before it; `"fatal"`: another attempt would end the same; `"circuit-open"`: nothing was asked;
 * `"overload-too-long"`: the service asks for a longer wait than `maxRetryAfter`.
 */
export type GiveUpReason = "attempts" | "budget" | "deadline" | "fatal" | "circuit-open" | "overload-too-long";

/** What decides over further attempts. */
export interface RetryPolicyOptions<T = unknown> {
  /** How many attempts at most, the first included: at least 1, or `Infinity`. Default: 3. */
  readonly attempts?: number | undefined;
  readonly backoff?: Backoff | undefined;
  /** What limits extra attempts over all calls that share it. Default: none. */
  readonly budget?: RetryBudget | undefined;
  /** Which outcomes are worth another attempt: `"transient"` and `"overload"` are. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** A service that asks for a longer wait than this is not asked again. Default: 30 s. */
  readonly maxRetryAfter?: Duration | undefined;
  /** Called before each wait. If it throws, that is reported as uncaught, and the call goes on. */
  readonly onRetry?: ((event: RetryEvent<T>) => void) | undefined;
  /** Called when a failed attempt is the last; not when the caller has gone. If it throws, as for `onRetry`. */
  readonly onGiveUp?: ((event: GiveUpEvent<T>) => void) | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

const standardBackoff = new BackoffSchedule();

/**
 * Decides over each further attempt. Its options are checked and converted when it is made: who makes many calls makes
 * one.
 *
 * @internal
 */
export class RetryPolicy {
  readonly attempts: number;
  readonly budget: RetryBudget | null;
  readonly classify: Classify;
  readonly #backoff: BackoffSchedule;
  readonly #maxRetryAfter: number;
  readonly #clock: Clock;
  readonly #onRetry: ((event: RetryEvent) => void) | undefined;
  readonly #onGiveUp: ((event: GiveUpEvent) => void) | undefined;

  constructor(options: RetryPolicyOptions, clock: Clock = options.clock ?? systemClock) {
    const { attempts = 3, backoff, budget, maxRetryAfter = 30_000, onRetry, onGiveUp } = options;
    checkInteger(attempts, "attempts", 1, true);
    checkBudget(budget);
    if (options.classify !== undefined) checkFunction(options.classify, "classify");
    if (onRetry !== undefined) checkFunction(onRetry, "onRetry");
    if (onGiveUp !== undefined) checkFunction(onGiveUp, "onGiveUp");
    this.attempts = attempts;
    this.budget = budget ?? null;
    this.classify = options.classify ?? classify;
    this.#backoff = backoff === undefined ? standardBackoff : new BackoffSchedule(backoff);
    this.#maxRetryAfter = toMillisecondsInRange(maxRetryAfter, "maxRetryAfter", 0);
    this.#clock = clock;
    this.#onRetry = onRetry;
    this.#onGiveUp = onGiveUp;
  }

  /**
   * Milliseconds to wait after the `attempt`-th attempt, or -1 when there is to be no other; what an extra attempt costs
   * the budget is taken then. `outcome` was thrown if `failed`, else returned; `remaining`: milliseconds to the deadline;
   * `at`: the clock's `now()`; `previous`: the wait before this attempt.
   */
  next(
    attempt: number,
    failed: boolean,
    outcome: unknown,
    classification: Classification,
    remaining: number,
    at: number,
    previous: number = 0,
  ): number {
    if (classification === "ok" || classification === "ignore") return -1;
    const decision = this.#decide(attempt, outcome, classification, remaining, at, previous);
    const what = failed ? { error: outcome } : { result: outcome };
    if (typeof decision === "number") {
      if (this.#onRetry !== undefined) tell(this.#onRetry, { attempt, classification, ...what, delay: decision });
      return decision;
    }
    if (this.#onGiveUp !== undefined) {
      tell(this.#onGiveUp, { attempts: attempt, reason: decision, classification, ...what });
    }
    return -1;
  }

  #decide(
    attempt: number,
    outcome: unknown,
    classification: Classification,
    remaining: number,
    at: number,
    previous: number,
  ): number | GiveUpReason {
    if (classification === "fatal") return "fatal";
    if (isObject(outcome) && read(outcome, "code") === "SNOWSHED_CIRCUIT_OPEN") return "circuit-open";
    if (attempt >= this.attempts) return "attempts";
    const asked = retryAfter(outcome, this.#clock.date());
    let delay = this.#backoff.delay(attempt, previous, this.#clock);
    if (asked !== undefined) {
      if (asked > this.#maxRetryAfter) return "overload-too-long";
      // On top of what was asked for: everyone was told the same, and must not come back at the same moment.
      delay = this.#backoff.jitter === "none" ? Math.max(asked, delay) : asked + delay;
    }
    if (delay >= remaining) return "deadline";
    // Last, so that an attempt which is not made costs nothing.
    return this.budget?.tryWithdrawAt(at) === false ? "budget" : delay;
  }
}

/** @internal */
export function checkBudget(budget: RetryBudget | undefined): void {
  if (budget === undefined || typeof budget?.tryWithdrawAt === "function") return;
  throw invalidArgument(TypeError, "budget", "a RetryBudget", budget);
}

/** A listener's own failure must neither end the call nor be lost. */
function tell<Event>(listener: (event: Event) => void, event: Event): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * Lets go of a response that nobody will read, so that its connection is free again. Nothing happens to anything else.
 *
 * @internal
 */
export function discard(outcome: unknown): void {
  try {
    const body = (outcome as { body?: { cancel?(): unknown; dump?(): unknown } | null } | null | undefined)?.body;
    // `cancel` is that of `fetch`, `dump` that of undici's `request`.
    const done = typeof body?.cancel === "function" ? body.cancel() : body?.dump?.();
    // A body that is being read by somebody else refuses: it is theirs then.
    void Promise.resolve(done).catch(() => {});
  } catch {
    // Nor does it matter why it cannot be let go of.
  }
}
