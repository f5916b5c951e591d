import { LatencyWindow } from "./latency-window.ts";
import type { LimitBounds } from "./bounds.ts";
import { checkBounds, clamp } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export interface GradientOptions extends LimitBounds {
  /**
   * Before anything is known. Default: 50 until three have ended, then as many as were in flight by then, at least 2: few
   * where work is short, many where it takes long.
   */
  readonly initial?: number | undefined;
}

/** Logarithms are compared: a latency 1.41 and 1.35 times another, one that differs by 16 %, and three times another. */
const muchLonger = 0.35;
const longer = 0.3;
const near = 0.15;
const muchTooLong = Math.log(3);
/** More drops than this, beyond those that no lower limit cures, are an overload whatever the latency. */
const tooManyDropped = 0.1;
/** So many are never normal: a service that answers next to nobody in time is not to be given more. */
const mostDropped = 0.5;
/** A full limit for so long, in milliseconds, is an overload and no burst: worth a probe. */
const sustained = 1500;
/** Between two probes, while saturated: at first, and at most when each one finds what is known already. */
const firstProbe = 10_000;
const rarestProbe = 60_000;
/** The same after a latency was adopted that may have been a passing fault's: so that it is not kept for long. */
const doubtfulProbe = 3000;
/** With no `initial`: so many are admitted until a few have ended. */
const optimistic = 50;
const few = 3;
/** A burst fills so few places: full in the first windows, they are probed before there are more. */
const small = 8;

/**
 * Finds how much may run at once from how latency and load move together, without being told a capacity or a latency:
 * the default of {@link Limiter}.
 *
 * Work that waits for other work takes longer than it would alone. Of `n` in flight at `r` times the latency without a
 * queue, `n / r` are served and the rest wait. The limit is moved to what is served, plus a margin in which a queue is
 * no harm: the larger of its square root and a share of it, which is larger where service times spread more.
 *
 * What is measured are windows of at least 250 ms and as many samples as the limit, and long enough that the mean
 * latency is known within 10 %. A limit that is not reached is not raised. It begins with what was in flight when the
 * first work ended, and doubles per window until the latency follows. Three guards keep the latency without a queue true:
 *
 * - *Little's law*: the limit was lowered by a third, and the latency did not follow as it must if the queue were ours:
 *   then something behind has become slower, and its latency is the new measure, soon looked at by a probe;
 * - *probe*: when a start ends whose limit was full from the first window on, after 1.5 s at the limit, and then every 10 s
 *   (3 s after a latency that was adopted) up to every 60 s of it, the limit is lowered for one window, below what is
 *   served, and further as long as the latency follows: it finds what is hidden by an overload that was there from the
 *   beginning;
 * - *floor*: at a limit of 1 there is no queue, so what is measured there is the latency without one.
 *
 * More than 10 % dropped halves the limit, all of them quarter it; if that cures nothing, such a share is taken as normal.
 *
 * @example
 * ```ts
 * import { gradient } from "snowshed";
 *
 * const algorithm = gradient({ initial: 10 });
 * // Ten at a time, and none waits for another: there is room for more.
 * for (let at = 0; at < 3000; at += 4) algorithm.sample({ latency: 40, inflight: 10, dropped: false, at });
 * console.log(algorithm.limit > 10); // true
 * ```
 */
export function gradient(options: GradientOptions = {}): LimitAlgorithm {
  return new Gradient(options);
}

/** A window, as it was before the limit was lowered. */
interface Mark {
  readonly limit: number;
  readonly inflight: number;
  readonly mean: number;
  readonly dropped: number;
}

class Gradient implements LimitAlgorithm {
  readonly #bounds: ReturnType<typeof checkBounds>;
  readonly #window = new LatencyWindow();
  #limit: number;
  /** Logarithm of the latency without a queue of our own; NaN: not known. */
  #baseline = Number.NaN;
  /** The same of the very first window, in which only the shortest work can have ended; NaN before it. */
  #first = Number.NaN;
  /** The same of those that ended before all others; NaN before. */
  #early = Number.NaN;
  /** Whether what these found in flight is to be the first limit. */
  readonly #guesses: boolean;
  #ended = 0;
  #mostInflight = 0;
  /** While starting: what the limit was when the window began; else 0. */
  #startLimit: number;
  /** While the limit has been full ever since: how many were in flight when the baseline was learned, maybe in a queue. */
  #crowd = Number.POSITIVE_INFINITY;
  /** The share of drops that no lower limit cures. */
  #droppedAnyway = 0;
  /** What a lower limit is to be compared with. */
  #cutFrom: Mark | null = null;
  /** While probing: what was before. */
  #probeFrom: Mark | null = null;
  #probeStep: Mark | null = null;
  #saturatedSince = Number.NaN;
  #lastProbe = Number.NEGATIVE_INFINITY;
  #probeEvery = firstProbe;

  constructor(options: GradientOptions) {
    this.#bounds = checkBounds(options);
    this.#guesses = options.initial === undefined;
    const { initial, minimum, maximum } = this.#bounds;
    this.#limit = this.#startLimit = this.#guesses ? clamp(optimistic, minimum, maximum) : initial;
  }

  get limit(): number {
    return this.#limit;
  }

  sample(sample: LimitSample): void {
    const window = this.#window;
    const isCounted = window.add(sample, this.#limit, this.#baseline);
    if (this.#ended < few) {
      if (isCounted) this.#lookAtFirst(sample);
      return;
    }
    if (this.#startLimit > 0 && this.#probeFrom === null) this.#grow(sample);
    if (!isCounted || !window.isComplete(this.#limit, this.#startLimit > 0)) return;
    const before = this.#limit;
    // After the first one, as after a change: wait until also long work can have ended.
    const isFirst = Number.isNaN(this.#first);
    if (Number.isNaN(window.mean)) this.#retreat();
    else this.#evaluate(sample.at);
    window.begin(sample.at, isFirst || Math.abs(this.#limit - before) > 0.1 * before);
  }

  #evaluate(at: number): void {
    const { count, mean, error, saturation, inflight, dropped } = this.#window;
    if (this.#probeFrom !== null) return this.#endProbe(at, this.#probeFrom);
    if (this.#startLimit > 0 && this.#start()) return;
    if (Number.isNaN(this.#baseline)) {
      // After a retreat: the first that ended in time did so in a crowd.
      this.#adopt(mean);
      return this.#beginProbe(this.#limit, 0.5 * inflight);
    }
    this.#droppedAnyway += 0.1 * Math.min(0, dropped - this.#droppedAnyway);
    if (this.#isNotOurs()) {
      this.#adopt(mean);
      this.#probeEvery = doubtfulProbe;
      this.#droppedAnyway = Math.max(dropped, this.#cutFrom!.dropped);
      this.#set(this.#cutFrom!.limit);
      this.#cutFrom = null;
      return;
    }
    this.#follow();

    const limit = this.#limit;
    const isSaturated = saturation >= 0.5;
    if (!isSaturated) this.#saturatedSince = Number.NaN;
    else if (Number.isNaN(this.#saturatedSince)) this.#saturatedSince = at;
    // Twice the standard error: of twenty, one more or less is chance.
    const chance = 2 * Math.sqrt((dropped * (1 - dropped)) / count);
    if (dropped - this.#droppedAnyway > Math.max(tooManyDropped, chance)) {
      this.#markCut();
      return this.#set(0.5 * Math.min(limit, Math.max(inflight, 1)));
    }
    // In doubt, latency has not risen.
    const ratio = Math.exp(Math.max(0, mean - error - this.#baseline));
    const target = this.#target(inflight / ratio, saturation);
    if (target < limit) {
      if (!isSaturated && inflight <= target) return;
      this.#markCut();
      // A service that thrashes serves less than it could: what it serves is then no measure of it.
      const step = ratio < 2.5 ? (limit + target) / 2 : Math.max(target, limit / Math.sqrt(ratio), 0.2 * limit);
      this.#set(step);
    } else if (saturation >= 0.05) {
      this.#cutFrom = null;
      const isFree = isSaturated && ratio < 1.1;
      this.#set(isFree ? Math.max(target, 1.6 * Math.floor(limit)) : (limit + target) / 2);
    }
    const isSteady = target > 0.7 * limit && target < 1.2 * limit;
    if (at - this.#saturatedSince >= sustained && isSteady && at - this.#lastProbe >= this.#probeEvery) {
      // Below what is served, if the baseline is right; far below, so that chance cannot confirm it, if that is in doubt.
      const share = this.#probeEvery < firstProbe ? 0.5 : 0.75;
      this.#beginProbe(limit, (share * inflight) / ratio);
    }
  }

  /** What was in flight when the first ended: few where work is short and the load low. */
  #lookAtFirst({ inflight }: LimitSample): void {
    this.#mostInflight = Math.max(this.#mostInflight, inflight);
    if (++this.#ended < few) return;
    this.#early = this.#window.mean;
    if (this.#guesses) this.#set(Math.min(this.#limit, Math.max(2, this.#mostInflight)));
    this.#startLimit = this.#limit;
  }

  /** One more for each that ended, while the limit is used: it doubles per round, at most per window. */
  #grow({ latency, inflight, dropped }: LimitSample): void {
    if (dropped || !(inflight >= 0.8 * this.#limit)) return;
    const known = Number.isNaN(this.#baseline) ? this.#early : this.#baseline;
    if (Math.log(latency) < known + muchTooLong) this.#set(Math.min(this.#limit + 1, 2 * this.#startLimit));
  }

  /** Looks at a window of the start; returns whether that was all: the start goes on, or a probe has begun. */
  #start(): boolean {
    const { mean, error, inflight, saturation, dropped } = this.#window;
    if (Number.isNaN(this.#first)) {
      this.#first = mean;
      this.#startLimit = this.#limit;
      return true;
    }
    // What ends first is what takes the least time, but not by more than a half.
    if (Number.isNaN(this.#baseline)) {
      this.#baseline = Math.min(mean, this.#first + Math.LN2);
      if (saturation >= 0.5) this.#crowd = inflight;
      if (this.#crowd <= small) {
        this.#beginProbe(this.#limit, 0.5 * inflight);
        return true;
      }
    }
    if (saturation < 0.5) this.#crowd = Number.POSITIVE_INFINITY;
    if (mean - error - this.#baseline < muchLonger && dropped < tooManyDropped) {
      // Up to twice as many were in flight, and did not wait for each other: they would have taken twice as long.
      this.#follow();
      this.#startLimit = this.#limit;
      return true;
    }
    this.#startLimit = 0;
    if (this.#crowd === Number.POSITIVE_INFINITY) return false;
    // It may have begun in a burst: looked at now, and not only when the limit has been full for long. As many as there
    // were then would only confirm their own queue.
    const ratio = Math.exp(Math.max(0, mean - error - this.#baseline));
    this.#beginProbe(this.#limit, 0.5 * Math.min(inflight / ratio, this.#crowd));
    return true;
  }

  /** Everything was dropped: nothing is known but that this is far too many. */
  #retreat(): void {
    this.#startLimit = 0;
    this.#probeFrom = null;
    this.#set(0.25 * Math.min(this.#limit, Math.max(this.#window.inflight, 1)));
  }

  /** Little's law: whether a lower limit did not help as it must if the queue were our own. */
  #isNotOurs(): boolean {
    const from = this.#cutFrom;
    const { mean, inflight, saturation, dropped } = this.#window;
    if (from === null || saturation < 0.5 || this.#limit > 0.65 * from.limit) return false;
    const expected = Math.max(this.#baseline, from.mean + Math.log(inflight / from.inflight));
    // Where the latency was near the baseline, drops were the reason for the cut, and no queue can show.
    const shouldFall = from.mean - expected > longer;
    const hasFallen = mean < (shouldFall ? (2 * from.mean + expected) / 3 : from.mean - near);
    const isReason = shouldFall || from.dropped > tooManyDropped;
    if (isReason && !hasFallen && dropped >= 0.7 * from.dropped && dropped < mostDropped) return true;
    // It was: the next cut is compared with this one.
    this.#cutFrom = null;
    return false;
  }

  /** Remembers the worst window of a series of cuts: an overload that still grows would look as if cuts did not help. */
  #markCut(): void {
    const { mean, inflight, dropped } = this.#window;
    if (this.#cutFrom !== null && mean < this.#cutFrom.mean) return;
    this.#cutFrom = { limit: this.#limit, inflight, mean, dropped };
  }

  /** Moves the baseline: down at once, up only where no limit was in the way, and slowly. */
  #follow(): void {
    const { mean, error, saturation, count } = this.#window;
    const gap = mean - this.#baseline;
    if (this.#limit < 2 && saturation >= 0.5) this.#baseline += 0.5 * gap;
    else if (gap < -longer) this.#adopt(mean + error);
    else if (gap < -2 * error) this.#baseline += gap + error;
    else if (saturation < 0.05) {
      this.#baseline += (gap < 2 * error ? 0.2 : 0.01) * gap * Math.min(1, count / 100);
    }
  }

  /** What `busy` need, and a margin. */
  #target(busy: number, saturation: number): number {
    const share = 0.2 + 0.2 * this.#window.deviation;
    const margin = Math.max(share * busy, Math.sqrt(busy), 1.3);
    // A limit that is only reached now and then may be higher: small services need room for bursts.
    return busy + margin + Math.max(0, 1 - saturation / 0.8);
  }

  #beginProbe(limit: number, lower: number): void {
    const { mean, inflight, dropped } = this.#window;
    this.#probeFrom = this.#probeStep = { limit, inflight, mean, dropped };
    this.#cutFrom = null;
    this.#set(Math.round(lower));
  }

  #endProbe(at: number, from: Mark): void {
    const { mean, error, inflight, saturation, dropped } = this.#window;
    const gap = mean - this.#baseline;
    const tolerance = Math.max(near, 2 * error);
    // What the latency must be if all that was taken away had only been waiting.
    const step = this.#probeStep ?? from;
    const shorter = step.mean + Math.log(inflight / step.inflight) - this.#baseline;
    const follows = gap < -tolerance || (shorter < -0.2 && gap < shorter / 3);
    if (follows && this.#limit > this.#bounds.minimum && saturation >= 0.5) {
      // There was a queue in what seemed to be none: on, until there is none.
      this.#adopt(Math.min(mean, this.#baseline));
      this.#probeStep = { limit: this.#limit, inflight, mean, dropped };
      return this.#set(Math.round(inflight / 2));
    }
    this.#probeFrom = null;
    if (Math.abs(gap) <= tolerance) {
      this.#baseline += 0.5 * gap;
      this.#probeEvery = Math.min(2 * this.#probeEvery, rarestProbe);
      // It was no queue: the start goes on.
      if (this.#startLimit > 0) return this.#set(from.limit);
    } else {
      this.#adopt(mean);
    }
    this.#startLimit = 0;
    this.#lastProbe = at;
    // What the former limit was worth by what is known now; at least what has just been seen to be served.
    const before = from.inflight / Math.exp(Math.max(0, from.mean - this.#baseline));
    const now = inflight / Math.exp(Math.max(0, mean - this.#baseline));
    this.#set(Math.min(from.limit, this.#target(Math.max(before, now), 1)));
  }

  /** Takes what may hold a queue, too: a probe will look at it as soon as it can. */
  #adopt(baseline: number): void {
    this.#baseline = baseline;
    this.#probeEvery = firstProbe;
    this.#lastProbe = Number.NEGATIVE_INFINITY;
  }

  #set(limit: number): void {
    this.#limit = clamp(limit, this.#bounds.minimum, this.#bounds.maximum);
  }
}
