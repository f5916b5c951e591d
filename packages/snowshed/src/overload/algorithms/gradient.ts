import type { LimitBounds } from "./bounds.ts";
import { checkBounds, clamp } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";
import { LatencyWindow } from "./latency-window.ts";

export interface GradientOptions extends LimitBounds {}

const tune: Record<string, number> = (globalThis as { tune?: Record<string, number> }).tune ?? {};
const K = (name: string, otherwise: number): number => tune[name] ?? otherwise;

export function gradient(options: GradientOptions = {}): LimitAlgorithm {
  return new Gradient(options);
}

class Gradient implements LimitAlgorithm {
  readonly #bounds: ReturnType<typeof checkBounds>;
  readonly #window = new LatencyWindow();
  #limit: number;
  /** Logarithm of the latency without a queue of our own; NaN: not known. */
  #baseline = Number.NaN;
  /** What was measured before the limit was last lowered by much: 0 = nothing to compare. */
  #limitBefore = 0;
  #latencyBefore = 0;
  #droppedBefore = 0;
  /** Share of drops that no lower limit cures. */
  #droppedAnyway = 0;
  /** While the limit is lowered to see whether the latency falls with it: the limit to return to; else 0. */
  #probeFrom = 0;
  #lastProbe = Number.NaN;
  #probeEvery = 0;
  #probeBase = 0;
  #saturatedSince = Number.NaN;

  constructor(options: GradientOptions) {
    this.#bounds = checkBounds(options);
    this.#limit = this.#bounds.initial;
    this.#probeEvery = K("probe", 10_000);
  }

  get limit(): number {
    return this.#limit;
  }

  sample(sample: LimitSample): void {
    const window = this.#window;
    if (!window.add(sample, this.#limit, this.#baseline)) return;
    if (!window.isComplete(this.#limit, this.#probeFrom > 0)) return;
    const before = this.#limit;
    this.#evaluate(sample.at);
    window.begin(sample.at, Math.abs(this.#limit - before) > 0.1 * before);
  }

  #evaluate(at: number): void {
    const window = this.#window;
    const { mean, error, saturation, inflight, dropped } = window;
    if (Number.isNaN(this.#baseline)) this.#baseline = mean;
    if (this.#probeFrom > 0) return this.#probed(at);

    const isSaturated = saturation >= 0.5;
    const share = dropped - this.#droppedAnyway;
    this.#droppedAnyway = Math.min(this.#droppedAnyway, dropped);

    // (i) Little check: the limit was lowered, and neither latency nor losses followed: not our queue.
    if (this.#limitBefore > 0 && this.#limit <= 0.6 * this.#limitBefore) {
      const fell = mean - error < this.#latencyBefore - 0.16 || dropped < 0.85 * this.#droppedBefore;
      if (!fell && isSaturated) {
        this.#baseline = mean;
        this.#droppedAnyway = dropped;
        this.#set(this.#limitBefore);
        this.#limitBefore = 0;
        return;
      }
      this.#limitBefore = 0;
    }
    // Baseline
    const gap = mean - this.#baseline;
    if (this.#limit < 2 && isSaturated) this.#baseline += 0.5 * gap;
    else if (gap < -2 * error) this.#baseline += 0.5 * (gap + error);
    else if (gap < 2 * error && window.count >= 20) this.#baseline += 0.1 * gap * Math.min(1, window.count / 200);

    const ratio = Math.exp(Math.max(0, mean - error - this.#baseline));
    const limit = this.#limit;
    if (share > 0.1) {
      this.#remember(mean, dropped);
      return this.#set(0.5 * Math.min(limit, Math.max(inflight, 1)));
    }
    if (saturation < 0.05) return;
    const busy = inflight / ratio;
    const idle = Math.max(0, 1 - saturation / 0.6);
    const slack = Math.max(K("share", 0.3) * busy, K("root", 1) * Math.sqrt(busy), K("few", 1)) + K("idle", 3) * idle;
    const target = busy + slack;
    if (target >= limit) {
      this.#limitBefore = 0;
      this.#set(ratio < 1.1 ? Math.max(target, 1.6 * limit + 1) : limit + 0.5 * (target - limit));
    } else if (isSaturated || saturation > 0.3) {
      // (ii) probe
      this.#remember(mean, dropped);
      this.#set(Math.max(target, 0.5 * limit));
    }
    if (isSaturated) {
      if (Number.isNaN(this.#lastProbe)) this.#lastProbe = at;
      if (at - this.#lastProbe >= this.#probeEvery || (ratio >= 1.1 && this.#probeBase === 0)) {
        this.#probeFrom = this.#limit;
        this.#probeBase = mean;
        this.#latencyBefore = mean;
        this.#limitBefore = 0;
        this.#set(this.#limit / 2);
      }
    }
  }

  #remember(mean: number, dropped: number): void {
    if (this.#limitBefore > 0) return;
    this.#limitBefore = this.#limit;
    this.#latencyBefore = mean;
    this.#droppedBefore = dropped;
  }

  #probed(at: number): void {
    const { mean, error } = this.#window;
    const fell = mean + error < this.#latencyBefore - 0.16;
    if (fell && this.#limit > Math.max(1, this.#bounds.minimum)) {
      this.#latencyBefore = mean;
      this.#probeBase = mean;
      return this.#set(this.#limit / 2);
    }
    const measured = fell ? mean : Math.min(mean, this.#latencyBefore);
    const before = this.#baseline;
    this.#baseline = Math.min(measured, Math.max(mean, this.#baseline));
    this.#lastProbe = at;
    this.#probeEvery = Math.abs(before - this.#baseline) < 0.1 ? Math.min(2 * this.#probeEvery, 80_000) : K("probe", 10_000);
    // As much as the new baseline says the limit before the probe was worth.
    const from = this.#probeFrom;
    this.#probeFrom = 0;
    this.#set(fell ? this.#limit * 2 : from * Math.min(1, Math.exp(this.#baseline - before) * 1));
  }

  #set(limit: number): void {
    this.#limit = clamp(limit, this.#bounds.minimum, this.#bounds.maximum);
  }
}
