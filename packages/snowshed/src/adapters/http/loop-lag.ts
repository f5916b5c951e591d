import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { toMillisecondsInRange } from "../../duration.ts";

/** How often it looks, in milliseconds. */
const period = 20;

export interface LoopLagOptions {
  /** How late the loop may be for long. Default: 50 ms. */
  readonly target?: Duration | undefined;
  /** How long it must be later than that at every look. Default: 100 ms. */
  readonly interval?: Duration | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * How late the event loop is: by how much a timer of 20 ms fires too late, at each firing anew, so that a long healthy
 * past hides nothing. `isOver` is CoDel's rule: over `target` (default 50 ms) at every look for `interval` (default
 * 100 ms), until one look is not. One long pause, such as a garbage collection, is therefore no overload.
 *
 * It looks only while requests are being served: a process that does nothing is not woken.
 *
 * @example
 * ```ts
 * import { LoopLag } from "snowshed/http";
 *
 * const lag = new LoopLag({ target: "30ms" });
 * console.log(lag.lag, lag.isOver); // 0 false
 * ```
 */
export class LoopLag {
  /** The loop of this thread. */
  static readonly shared: LoopLag = new LoopLag();
  readonly #target: number;
  readonly #interval: number;
  readonly #clock: Clock;
  #lag = 0;
  #isOver = false;
  /** Since when it has been over target at every look. */
  #aboveSince = Number.POSITIVE_INFINITY;
  #due = 0;
  #running = false;
  #used = false;
  readonly #look = (): void => this.#tick();

  constructor(options: LoopLagOptions = {}) {
    this.#target = toMillisecondsInRange(options.target ?? 50, "target", 0);
    this.#interval = toMillisecondsInRange(options.interval ?? 100, "interval", 0);
    this.#clock = options.clock ?? systemClock;
  }

  /** Milliseconds by which the loop was late at the last look. */
  get lag(): number {
    return this.#lag;
  }

  /** Whether it has been later than the target for a while. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Somebody needs it: it looks on for at least one period. @internal */
  use(): void {
    this.#used = true;
    if (this.#running) return;
    this.#running = true;
    this.#arm(this.#clock.now());
  }

  #arm(now: number): void {
    this.#due = now + period;
    this.#clock.setTimeout(this.#look, period, false);
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#lag = Math.max(0, now - this.#due);
    if (this.#lag <= this.#target) {
      this.#aboveSince = Number.POSITIVE_INFINITY;
      this.#isOver = false;
    } else {
      this.#aboveSince = Math.min(this.#aboveSince, now);
      this.#isOver = now - this.#aboveSince >= this.#interval;
    }
    this.#running = this.#used || this.#isOver;
    this.#used = false;
    if (this.#running) this.#arm(now);
    else {
      this.#lag = 0;
      this.#aboveSince = Number.POSITIVE_INFINITY;
    }
  }
}
