import type { Clock } from "../clock.ts";
import { invalidArgument } from "../errors.ts";

/** A reading that is earlier by no more than this came late; by more, the clock was set back. Microseconds. */
const late = 1_000_000;

/**
 * Whole microseconds since it was made, which never go back. A reading of the clock that is a little earlier than the
 * one before is no time at all, so that a clock that trembles makes none; one that is earlier by more than a second means
 * that the clock was set back, and time goes on from there. What is no number is no news.
 *
 * @internal
 */
export class PassingTime {
  /** What was read last. */
  latest = 0;
  readonly #clock: Clock;
  #reading: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#reading = Math.floor(clock.now() * 1000);
    if (Number.isFinite(this.#reading)) return;
    throw invalidArgument(RangeError, "clock.now()", "a finite number of milliseconds", this.#reading);
  }

  read(): number {
    const reading = Math.floor(this.#clock.now() * 1000);
    const step = reading - this.#reading;
    if (step > 0 && step < Number.POSITIVE_INFINITY) {
      this.latest += step;
      this.#reading = reading;
    } else if (step < -late && step > Number.NEGATIVE_INFINITY) {
      this.#reading = reading;
    }
    return this.latest;
  }
}
