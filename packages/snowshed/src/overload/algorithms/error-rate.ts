import { checkInteger, invalidArgument } from "../../errors.ts";
import type { OutcomeWindow } from "../windows/outcome-window.ts";
import { TimeWindow } from "../windows/time-window.ts";
import { checkRange, clamp } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export interface ErrorRateOptions {
  /** `"article"`: the formula to the letter. It counts from the first sample on, and opens as fast as it closes. */
  readonly preset?: "article" | undefined;
  /** The limit without drops: an integer of at least `minimum`. Default: 100. */
  readonly maximum?: number | undefined;
  /** The limit when everything is dropped: an integer of at least 1. Default: 2. */
  readonly minimum?: number | undefined;
  /** From which share of drops on the limit is lowered, in (0, 1]. Default: 0.4. */
  readonly threshold?: number | undefined;
  /** With fewer samples in the window the limit is not lowered. Default: 20; in the preset, 1. */
  readonly minimumSamples?: number | undefined;
  /** What is counted. Default: a `TimeWindow` of 10 s. A `CountWindow(100)` is the article's ring. */
  readonly window?: OutcomeWindow | undefined;
}

/** After so many successes in a row the drops of the window are of the past: by chance, at 40 %, one in 27,000. */
const successesOfRecovery = 20;

/**
 * The article's formula: `limit = clamp(100 · (1 − rate), 2, 100)`, where `rate` is the share of drops in the last 10 s,
 * once it is 40 % or more; below that the limit is 100.
 *
 * It sees only losses, so latency is at the callers' timeouts before it acts; it does not know the capacity, so 100 is
 * right only where the capacity is near 100. {@link gradient} needs neither. Use this where drops are the one signal
 * there is, and the numbers can be chosen for one service.
 *
 * Made sound, compared to the letter (`preset: "article"`): it needs 20 samples before it acts; only what was dropped
 * counts, not every error; it opens by doubling per second at most, not at once from 60 to 100 when the rate falls below
 * 40 %; and twenty successes in a row open it, where otherwise drops of long ago would keep it shut for as long as the
 * window.
 *
 * @example
 * ```ts
 * import { errorRate } from "snowshed";
 *
 * const algorithm = errorRate();
 * for (let at = 0; at < 100; at++) algorithm.sample({ latency: 5, inflight: 1, dropped: at % 2 === 1, at });
 * console.log(algorithm.limit); // 50
 * ```
 */
export function errorRate(options: ErrorRateOptions = {}): LimitAlgorithm {
  return new ErrorRate(options);
}

class ErrorRate implements LimitAlgorithm {
  readonly #maximum: number;
  readonly #minimum: number;
  readonly #threshold: number;
  readonly #minimumSamples: number;
  readonly #window: OutcomeWindow;
  readonly #isLiteral: boolean;
  #limit: number;
  #successes = 0;
  /** Of the last sample. */
  #at = Number.NaN;

  constructor(options: ErrorRateOptions) {
    const { preset, maximum = 100, minimum = 2, threshold = 0.4, window = new TimeWindow({ length: "10s" }) } = options;
    if (preset !== undefined && preset !== "article") throw invalidArgument(TypeError, "preset", '"article"', preset);
    this.#isLiteral = preset === "article";
    const { minimumSamples = this.#isLiteral ? 1 : 20 } = options;
    checkInteger(minimum, "minimum", 1);
    checkInteger(maximum, "maximum", minimum);
    checkInteger(minimumSamples, "minimumSamples", 1);
    checkRange(threshold, "threshold", Number.MIN_VALUE, 1);
    this.#minimum = minimum;
    this.#threshold = threshold;
    this.#minimumSamples = minimumSamples;
    this.#window = window;
    this.#limit = this.#maximum = maximum;
  }

  get limit(): number {
    return this.#limit;
  }

  sample({ dropped, at }: LimitSample): void {
    if (!Number.isFinite(at)) return;
    const window = this.#window;
    window.record(dropped, at);
    this.#successes = dropped ? 0 : this.#successes + 1;
    if (!this.#isLiteral && this.#limit < this.#maximum && this.#successes >= successesOfRecovery) window.reset();
    const target = this.#target(window.total(at), window.failures(at));
    // Within no time, and with a clock that went back, it does not open.
    const seconds = at > this.#at ? Math.min(1, (at - this.#at) / 1000) : 0;
    this.#at = at;
    this.#limit = this.#isLiteral ? target : Math.min(target, this.#limit * 2 ** seconds);
  }

  #target(total: number, failures: number): number {
    const rate = failures / total;
    if (total < this.#minimumSamples || rate < this.#threshold) return this.#maximum;
    return clamp(this.#maximum * (1 - rate), this.#minimum, this.#maximum);
  }
}
