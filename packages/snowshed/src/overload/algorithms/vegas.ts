import type { LimitBounds } from "./bounds.ts";
import { checkBounds, clamp } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export type VegasOptions = LimitBounds;

/** After so many windows the latency without load is measured anew, at half the limit. */
const windowsPerProbe = 30;

/**
 * Keeps a small number of requests queued at the service, as TCP Vegas does with packets: of `limit` in flight,
 * `limit · (1 − latency without load ÷ latency)` are waiting. Fewer than 3·log10(limit) waiting: one step up; more than
 * 6·log10(limit): one step down, by log10(limit), at least 1.
 *
 * Good where service times vary little. Where they vary widely it is too careful, since a few queued requests are then
 * normal, and its small steps are slow in large services.
 *
 * After VegasLimit of Netflix's concurrency-limits, with corrections: it compares means of windows (at least 250 ms and
 * 10 samples), not single requests, of which the fastest ever would count as normal; a probe lowers the limit, so that
 * what it measures is not a queue; a limit of 1 can grow.
 *
 * @example
 * ```ts
 * import { vegas } from "snowshed";
 *
 * const algorithm = vegas({ initial: 10 });
 * for (let at = 0; at < 1000; at += 10) algorithm.sample({ latency: 20, inflight: 10, dropped: false, at });
 * console.log(algorithm.limit > 10); // true
 * ```
 */
export function vegas(options: VegasOptions = {}): LimitAlgorithm {
  return new Vegas(options);
}

class Vegas implements LimitAlgorithm {
  readonly #bounds: ReturnType<typeof checkBounds>;
  #limit: number;
  /** Mean latency of the quietest window since the last probe; NaN: none yet. */
  #baseline = Number.NaN;
  #untilProbe = windowsPerProbe;
  /** The limit to return to after a probe; 0: no probe is on. */
  #resume = 0;
  #start = Number.NaN;
  #count = 0;
  #sum = 0;
  #drops = 0;
  #inflight = 0;

  constructor(options: VegasOptions) {
    this.#bounds = checkBounds(options);
    this.#limit = this.#bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  sample({ latency, inflight, dropped, at }: LimitSample): void {
    if (!Number.isFinite(at) || !(latency >= 0 && latency < Number.POSITIVE_INFINITY)) return;
    if (!(at >= this.#start)) this.#begin(at);
    // While probing, only what was admitted at the lower limit tells what that limit does.
    if (this.#resume > 0 && at - latency < this.#start) return;
    this.#count++;
    this.#sum += latency;
    if (dropped) this.#drops++;
    if (inflight > this.#inflight) this.#inflight = inflight;
    if (at - this.#start < 250 || this.#count < 10) return;
    this.#limit = clamp(this.#next(this.#sum / this.#count), this.#bounds.minimum, this.#bounds.maximum);
    this.#begin(at);
  }

  #begin(at: number): void {
    this.#start = at;
    this.#count = 0;
    this.#sum = 0;
    this.#drops = 0;
    this.#inflight = 0;
  }

  #next(latency: number): number {
    const limit = this.#limit;
    if (this.#resume > 0) {
      const resume = this.#resume;
      this.#resume = 0;
      this.#baseline = latency;
      return resume;
    }
    if (!(latency > this.#baseline)) this.#baseline = latency;
    const step = Math.max(1, Math.log10(limit));
    if (--this.#untilProbe <= 0) {
      this.#untilProbe = windowsPerProbe;
      this.#resume = limit;
      return limit / 2;
    }
    // At least one in a hundred lost is a signal of its own; a single loss is not.
    if (this.#drops * 100 >= this.#count) return limit - step;
    // Not even half used: the latency says nothing about the limit.
    if (this.#inflight * 2 < limit) return limit;
    const queued = latency > 0 ? limit * (1 - this.#baseline / latency) : 0;
    if (queued <= step) return limit + 6 * step;
    if (queued < 3 * step) return limit + step;
    return queued > 6 * step ? limit - step : limit;
  }
}
