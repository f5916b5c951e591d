import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";

export interface BatchRetry<Input> {
  /** Attempts in all, the first included. Default: 2. */
  readonly attempts?: number | undefined;
  /** The wait before attempt n+1 is random in [0, min(maximum, initial·2^(n−1))]. Default: 100 ms and 10 s. */
  readonly backoff?: { readonly initial?: Duration | undefined; readonly maximum?: Duration | undefined } | undefined;
  /**
   * What retries may add to the load: `minimum` of them, plus `ratio` for each input. Unused ones are kept up to
   * `minimum + concurrency`, so that a long quiet time does not pay for a storm. Default: minimum 10, ratio 0.2.
   */
  readonly budget?: { readonly ratio?: number | undefined; readonly minimum?: number | undefined } | undefined;
  /** Whether another attempt makes sense. Default: always. */
  readonly retryable?: ((error: unknown, input: Input) => boolean) | undefined;
  /** The least wait that the error asks for, as `Retry-After` does. */
  readonly retryAfter?: ((error: unknown, input: Input) => Duration | undefined) | undefined;
}

/**
 * Decides over each retry. Full jitter: M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015): of
 * the variants it spreads simultaneous failures the most.
 *
 * @internal
 */
export class RetryPolicy<Input> {
  readonly #attempts: number;
  readonly #initial: number;
  readonly #maximum: number;
  readonly #ratio: number;
  readonly #capacity: number;
  readonly #options: BatchRetry<Input>;
  readonly #clock: Clock;
  #tokens: number;

  constructor(retry: number | BatchRetry<Input>, concurrency: number, clock: Clock) {
    if (typeof retry === "number") checkInteger(retry, "retry", 0);
    else if (typeof retry !== "object" || retry === null) {
      throw invalidArgument(TypeError, "retry", "a number of retries or an object", retry);
    }
    const options = typeof retry === "number" ? { attempts: retry + 1 } : retry;
    const { attempts = 2, backoff, budget, retryable, retryAfter } = options;
    checkInteger(attempts, "retry.attempts", 1, true);
    const { ratio = 0.2, minimum = 10 } = budget ?? {};
    checkNotNegative(ratio, "retry.budget.ratio");
    checkNotNegative(minimum, "retry.budget.minimum");
    if (retryable !== undefined) checkFunction(retryable, "retry.retryable");
    if (retryAfter !== undefined) checkFunction(retryAfter, "retry.retryAfter");
    this.#attempts = attempts;
    this.#initial = toMilliseconds(backoff?.initial ?? 100, "retry.backoff.initial");
    this.#maximum = toMilliseconds(backoff?.maximum ?? 10_000, "retry.backoff.maximum");
    checkNotNegative(this.#initial, "retry.backoff.initial");
    checkNotNegative(this.#maximum, "retry.backoff.maximum");
    this.#ratio = ratio;
    this.#capacity = minimum + concurrency;
    this.#tokens = minimum;
    this.#options = options;
    this.#clock = clock;
  }

  /** A first attempt was made: it pays for a part of a retry. */
  earn(): void {
    this.#tokens = Math.min(this.#capacity, this.#tokens + this.#ratio);
  }

  /** Milliseconds to wait before the attempt after the `attempt`-th, or `undefined` when there is to be none. */
  delay(attempt: number, error: unknown, input: Input, remaining: number): number | undefined {
    if (attempt >= this.#attempts || this.#options.retryable?.(error, input) === false) return undefined;
    // The exponent is bounded so that 0 stays 0: 0 · Infinity would be NaN.
    const jitter = this.#clock.random() * Math.min(this.#maximum, this.#initial * 2 ** Math.min(attempt - 1, 64));
    const asked = this.#options.retryAfter?.(error, input);
    const delay = asked === undefined ? jitter : Math.max(jitter, toMilliseconds(asked, "retryAfter()"));
    // An attempt that could only begin after the deadline is none, and must not cost another call its retry.
    // Ten tenths added up are a little less than 1.
    if (delay >= remaining || this.#tokens < 1 - 1e-6) return undefined;
    this.#tokens--;
    return delay;
  }
}

function checkNotNegative(value: unknown, name: string): void {
  if (typeof value === "number" && value >= 0) return;
  throw invalidArgument(typeof value === "number" ? RangeError : TypeError, name, "a number of at least 0", value);
}
