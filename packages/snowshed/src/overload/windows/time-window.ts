import type { Duration } from "../../duration.ts";
import { finite, toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";
import type { OutcomeWindow } from "./outcome-window.ts";

export interface TimeWindowOptions {
  /** How long an outcome is held at most: at least 1 ms. Default: `"10s"`. */
  readonly length?: Duration | undefined;
  /** In how many steps old outcomes are forgotten: an integer from 1 to 10,000. Default: 10. */
  readonly slices?: number | undefined;
}

const mostSlices = 10_000;

/**
 * The outcomes of the last `length` of time, however many they are, in `slices` pairs of counters. A slice is forgotten
 * as a whole: an outcome counts for at least `length - length / slices`, and for less than `length`.
 *
 * There is no timer: slices expire when somebody records or reads. A reading of the clock that is earlier than the
 * newest slice counts in that slice; one that is earlier by more than `length` means that the clock was set back, and
 * the window goes on from there with what it holds.
 *
 * @example
 * ```ts
 * import { TimeWindow } from "snowshed";
 *
 * const window = new TimeWindow({ length: "10s", slices: 10 });
 * window.record(true, 0);
 * window.record(false, 5_000);
 * console.log(window.failures(9_999), window.total(9_999)); // 1 2
 * console.log(window.failures(10_000), window.total(10_000)); // 0 1
 * ```
 */
export class TimeWindow implements OutcomeWindow {
  /** Milliseconds. */
  readonly length: number;
  readonly slices: number;
  readonly #sliceLength: number;
  /** For each slice how many, then for each slice how many failed. Doubles: they cannot overflow. */
  readonly #counts: Float64Array;
  /** The newest slice, and when it began. */
  #newest = 0;
  #start = Number.NEGATIVE_INFINITY;
  #total = 0;
  #failures = 0;

  constructor(options: TimeWindowOptions = {}) {
    const { length = "10s", slices = 10 } = options;
    this.length = toMillisecondsInRange(length, "length", 1, finite);
    checkInteger(slices, "slices", 1);
    if (slices > mostSlices) throw invalidArgument(RangeError, "slices", `at most ${mostSlices}`, slices);
    this.slices = slices;
    this.#sliceLength = this.length / slices;
    this.#counts = new Float64Array(2 * slices);
  }

  /** Allocates nothing. */
  record(failed: boolean, at: number): void {
    this.#advance(at);
    this.#counts[this.#newest]!++;
    this.#total++;
    if (!failed) return;
    this.#counts[this.slices + this.#newest]!++;
    this.#failures++;
  }

  total(at: number): number {
    this.#advance(at);
    return this.#total;
  }

  failures(at: number): number {
    this.#advance(at);
    return this.#failures;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = this.#failures = 0;
    this.#start = Number.NEGATIVE_INFINITY;
  }

  #advance(at: number): void {
    const age = at - this.#start;
    if (age >= this.#sliceLength) this.#forget(at, Math.floor(age / this.#sliceLength));
    else if (age < -this.length) this.#start = at;
  }

  /** Begins the slice of `at`, which is `steps` after the newest. */
  #forget(at: number, steps: number): void {
    if (steps >= this.slices) {
      this.reset();
      this.#start = at;
      return;
    }
    for (let step = 0; step < steps; step++) {
      this.#newest = this.#newest + 1 === this.slices ? 0 : this.#newest + 1;
      this.#total -= this.#counts[this.#newest]!;
      this.#failures -= this.#counts[this.slices + this.#newest]!;
      this.#counts[this.#newest] = this.#counts[this.slices + this.#newest] = 0;
    }
    this.#start += steps * this.#sliceLength;
  }
}
