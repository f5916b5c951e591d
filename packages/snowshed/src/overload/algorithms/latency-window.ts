import type { LimitSample } from "./limit-algorithm.ts";

/** A window is at least so long, in milliseconds; a longer one is over after `longest`, if it has `fewest` samples. */
const shortest = 250;
const longest = 1000;
const fewest = 5;
/** Otherwise it lasts until the mean is known this well: the standard error of the logarithm, about 10 %. */
const precision = 0.1;

/** What the running figures are: the sum of the logarithms, that of their squares, and when the last sample came. */
const sum = 0;
const squares = 1;
const last = 2;

/**
 * What the work of a short time was like. Latencies are averaged by their logarithms: service times spread over orders
 * of magnitude, and a few long ones would decide an arithmetic mean.
 *
 * @internal
 */
export class LatencyWindow {
  count = 0;
  #timed = 0;
  /** Written with each sample. As fields, each would be a new object on the heap each time. */
  readonly #running = Float64Array.of(0, 0, Number.NaN);
  #inflight = 0;
  #saturated = 0;
  #dropped = 0;
  #start = Number.NaN;
  /** While not NaN: when the limit was changed, and nothing that ended before `#settled` tells of the new one. */
  #changed = Number.NaN;
  #settled = 0;

  /** Whether the sample was counted: garbage is not, nor what still tells of a former limit. */
  add({ latency, inflight, dropped, at }: LimitSample, limit: number, baseline: number): boolean {
    if (!Number.isFinite(at) || !(latency >= 0 && latency < Number.POSITIVE_INFINITY)) return false;
    if (!(inflight >= 0 && inflight < Number.POSITIVE_INFINITY)) return false;
    // The first, or a clock that went back: its past is no measure.
    if (!(at >= this.#running[last]!)) this.#restart(at);
    this.#running[last] = at;
    if (!Number.isNaN(this.#changed)) {
      if (at < this.#settled || at - latency < this.#changed) return false;
      this.#restart(at);
      this.#running[last] = at;
    }
    this.count++;
    this.#inflight += inflight;
    // Nearly full is full: a place that was just given back is taken again a moment later.
    if (inflight >= Math.ceil(0.95 * Math.floor(limit))) this.#saturated++;
    if (dropped) this.#dropped++;
    const logarithm = Math.log(Math.max(latency, 0.001));
    // What was refused at once says nothing about how long work takes; what timed out does.
    if (dropped && !(logarithm > baseline)) return true;
    this.#timed++;
    this.#running[sum]! += logarithm;
    this.#running[squares]! += logarithm * logarithm;
    return true;
  }

  isComplete(limit: number, isStart: boolean): boolean {
    const age = this.#running[last]! - this.#start;
    if (age < shortest) return false;
    if (age >= longest) return this.count >= fewest;
    if (this.count < 20) return false;
    return isStart || (this.count >= limit && this.error < precision);
  }

  /** Begins anew; after a change of the limit only once what was admitted before it has ended, by and large. */
  begin(at: number, isChanged: boolean): void {
    const settling = isChanged && this.#timed > 0 ? Math.exp(this.mean) : 0;
    this.#restart(at);
    if (isChanged) {
      this.#changed = at;
      this.#settled = at + Math.min(settling, longest);
    }
  }

  #restart(at: number): void {
    this.#start = this.#running[last] = at;
    this.#changed = Number.NaN;
    this.count = this.#timed = 0;
    this.#running[sum] = this.#running[squares] = this.#inflight = this.#saturated = this.#dropped = 0;
  }

  /** Mean logarithm of the latencies; NaN without any. */
  get mean(): number {
    return this.#timed > 0 ? this.#running[sum]! / this.#timed : Number.NaN;
  }

  /** Their standard deviation. */
  get deviation(): number {
    if (this.#timed < 2) return 1;
    return Math.sqrt(Math.max(0, this.#running[squares]! / this.#timed - this.mean ** 2));
  }

  /** The standard error of the mean. */
  get error(): number {
    return this.deviation / Math.sqrt(Math.max(1, this.#timed));
  }

  /** The share of the samples that found the limit reached. */
  get saturation(): number {
    return this.#saturated / this.count;
  }

  /** How many were in flight, on average. */
  get inflight(): number {
    return this.#inflight / this.count;
  }

  /** The share of drops. */
  get dropped(): number {
    return this.#dropped / this.count;
  }
}
