import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkInteger, invalidArgument } from "../errors.ts";

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

// Taken when the module loads, so that a test which replaces the globals does not stop this clock.
const nextMacrotask: (callback: () => void) => unknown = globalThis.setImmediate ?? globalThis.setTimeout;

/**
 * A clock that stands still until the test moves it, and whose randomness is a seeded sequence.
 *
 * `start` is the date at the beginning, in milliseconds since the epoch (default 0); `now()` begins at 0. `seed` is an
 * integer (default 1).
 *
 * @example
 * ```ts
 * import { Context } from "snowshed";
 * import { FakeClock } from "snowshed/testing";
 *
 * const clock = new FakeClock();
 * const context = Context.root({ clock }).withTimeout("1h");
 * await clock.advance("1h");
 * console.log(context.aborted); // true
 * ```
 */
export class FakeClock implements Clock {
  readonly #start: number;
  #now = 0;
  #state: number;
  /** Sorted by due time, those of equal time in the order they were set. */
  readonly #timers: Timer[] = [];

  constructor(options: { readonly start?: number; readonly seed?: number } = {}) {
    const { start = 0, seed = 1 } = options;
    if (!Number.isFinite(start)) {
      throw invalidArgument(RangeError, "start", "milliseconds since the epoch", start);
    }
    checkInteger(seed, "seed", Number.MIN_SAFE_INTEGER);
    this.#start = start;
    this.#state = seed >>> 0;
  }

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#start + this.#now;
  }

  /** Mulberry32: enough for tests, the same sequence for the same seed everywhere. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  setTimeout(callback: () => void, ms: number): () => void {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    // As the platform has it: whatever is no delay is none.
    const timer: Timer = { due: this.#now + (ms > 0 ? ms : 0), callback };
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.due <= timer.due) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  }

  /** How many timers are set: what a test of cleaning up asserts to be 0. */
  get pending(): number {
    return this.#timers.length;
  }

  /**
   * Moves the time forward and runs every timer that falls due, in order, each at its own time. All microtasks are
   * drained before the first, after each and after the last, so timers set on the way run, too.
   */
  async advance(duration: Duration): Promise<void> {
    const ms = toMilliseconds(duration);
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw invalidArgument(RangeError, "duration", "at least 0 and finite", duration);
    }
    const end = this.#now + ms;
    await drainMicrotasks();
    for (let timer = this.#timers[0]; timer !== undefined && timer.due <= end; timer = this.#timers[0]) {
      this.#timers.shift();
      this.#now = timer.due;
      timer.callback();
      await drainMicrotasks();
    }
    this.#now = Math.max(this.#now, end);
  }
}

/** A macrotask runs only when no microtask is left. */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => nextMacrotask(() => resolve()));
}
