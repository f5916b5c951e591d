import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { finite, toMillisecondsInRange } from "../duration.ts";
import { invalidArgument } from "../errors.ts";

/** How long to wait between attempts. */
export interface Backoff {
  /** The ceiling of the first wait: finite, at least 0. Default: 100 ms. */
  readonly initial?: Duration | undefined;
  /** No wait is longer, but for one that `Retry-After` asks for. Finite, at least `initial`. Default: 10 s. */
  readonly maximum?: Duration | undefined;
  /** What the ceiling grows by from wait to wait: at least 1. `"decorrelated"` does not use it. Default: 2. */
  readonly factor?: number | undefined;
  /**
   * How waits are spread, so that what failed together does not come back together. With
   * `ceiling = min(maximum, initial · factor^(n−1))` for the n-th wait:
   *
   * - `"full"`: random in [0, ceiling);
   * - `"decorrelated"`: min(maximum, random in [initial, 3 · the wait before)), the first in [initial, 3 · initial);
   * - `"none"`: the ceiling itself.
   *
   * Default: `"full"`. Source of both formulas: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog,
   * 2015, where full jitter needs the fewest calls.
   */
  readonly jitter?: "full" | "decorrelated" | "none" | undefined;
}

/** A {@link Backoff} whose fields are checked and in milliseconds. @internal */
export class BackoffSchedule {
  readonly initial: number;
  readonly maximum: number;
  readonly factor: number;
  readonly jitter: "full" | "decorrelated" | "none";

  constructor(backoff: Backoff = {}) {
    if (typeof backoff !== "object" || backoff === null) {
      throw invalidArgument(TypeError, "backoff", "an object", backoff);
    }
    const { initial = 100, maximum, factor = 2, jitter = "full" } = backoff;
    this.initial = toMillisecondsInRange(initial, "backoff.initial", 0, finite);
    // A first wait above the default maximum needs no second option to say so.
    this.maximum =
      maximum === undefined
        ? Math.max(10_000, this.initial)
        : toMillisecondsInRange(maximum, "backoff.maximum", this.initial, finite);
    if (typeof factor !== "number" || !(factor >= 1 && factor < Number.POSITIVE_INFINITY)) {
      const NativeError = typeof factor === "number" ? RangeError : TypeError;
      throw invalidArgument(NativeError, "backoff.factor", "a finite number of at least 1", factor);
    }
    if (jitter !== "full" && jitter !== "decorrelated" && jitter !== "none") {
      throw invalidArgument(RangeError, "backoff.jitter", '"full", "decorrelated" or "none"', jitter);
    }
    this.factor = factor;
    this.jitter = jitter;
  }

  /** Milliseconds to wait after the `attempt`-th attempt; `previous`: the wait before that one, 0 when there was none. */
  delay(attempt: number, previous: number, clock: Clock): number {
    const { initial, maximum, factor, jitter } = this;
    if (jitter === "decorrelated") {
      const upper = 3 * Math.max(initial, previous);
      return Math.min(maximum, initial + clock.random() * (upper - initial));
    }
    // The power may be Infinity after many attempts, and 0 · Infinity is NaN.
    const ceiling = initial === 0 ? 0 : Math.min(maximum, initial * factor ** (attempt - 1));
    return jitter === "none" ? ceiling : clock.random() * ceiling;
  }
}
