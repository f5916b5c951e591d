import type { Duration } from "../../duration.ts";
import { aboveZero, toMillisecondsInRange } from "../../duration.ts";
import type { LimitBounds } from "./bounds.ts";
import { checkBounds, checkRange, clamp } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export interface AimdOptions extends LimitBounds {
  /** What the limit is multiplied by when something was dropped, from 0.1 to 0.99. Default: 0.9, as Netflix has it. */
  readonly backoff?: number | undefined;
  /** Work that took longer counts as dropped. Default: 5 s, as Netflix has it; half of what callers wait is better. */
  readonly timeout?: Duration | undefined;
}

/**
 * Additive increase, multiplicative decrease: what TCP Reno does. One more per `limit` samples while at least half of
 * the limit is used; less by `backoff` when something is dropped or takes longer than `timeout`.
 *
 * Needs no idea of what latency is normal, so it works where latency says nothing. It learns only from losses: latency
 * stands at `timeout` before it acts.
 *
 * After AIMDLimit of Netflix's concurrency-limits, with two corrections: the increase is one per round, not one per
 * sample; and all drops of one round are one cut, since they tell of one overload.
 *
 * @example
 * ```ts
 * import { aimd } from "snowshed";
 *
 * const algorithm = aimd({ initial: 10 });
 * algorithm.sample({ latency: 800, inflight: 10, dropped: true, at: 800 });
 * console.log(algorithm.limit); // 9
 * ```
 */
export function aimd(options: AimdOptions = {}): LimitAlgorithm {
  return new Aimd(options);
}

class Aimd implements LimitAlgorithm {
  readonly #bounds: ReturnType<typeof checkBounds>;
  readonly #backoff: number;
  readonly #timeout: number;
  #limit: number;
  #lastCut = Number.NEGATIVE_INFINITY;

  constructor(options: AimdOptions) {
    const { backoff = 0.9, timeout = "5s" } = options;
    this.#bounds = checkBounds(options);
    checkRange(backoff, "backoff", 0.1, 0.99);
    this.#backoff = backoff;
    this.#timeout = toMillisecondsInRange(timeout, "timeout", aboveZero);
    this.#limit = this.#bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  sample({ latency, inflight, dropped, at }: LimitSample): void {
    if (!Number.isFinite(at) || !(latency >= 0)) return;
    // A clock that went back: what was cut in its future says nothing about now.
    if (at < this.#lastCut) this.#lastCut = Number.NEGATIVE_INFINITY;
    if (dropped || latency > this.#timeout) {
      // What was admitted before the last cut suffered from the limit as it was then.
      if (at - latency < this.#lastCut) return;
      this.#lastCut = at;
      this.#limit = Math.max(this.#limit * this.#backoff, this.#bounds.minimum);
    } else if (inflight * 2 >= this.#limit) {
      this.#limit = clamp(this.#limit + 1 / this.#limit, this.#bounds.minimum, this.#bounds.maximum);
    }
  }
}
