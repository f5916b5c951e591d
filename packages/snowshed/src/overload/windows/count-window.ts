import { checkInteger, invalidArgument } from "../../errors.ts";
import type { OutcomeWindow } from "./outcome-window.ts";

/** A byte for each outcome: more than 16 MB of them is a mistake. */
const largest = 2 ** 24;

/**
 * The last `size` outcomes, however old they are: a ring of one byte each. `size` is an integer from 1 to 2^24.
 *
 * How long a time that is depends on the traffic: 100 outcomes are 50 ms at 2,000 calls a second, and 17 minutes at six
 * calls a minute. {@link TimeWindow} is what a breaker uses unless it is given this.
 *
 * @example
 * ```ts
 * import { CountWindow } from "snowshed";
 *
 * const window = new CountWindow(3);
 * for (const failed of [true, true, false, false]) window.record(failed, 0);
 * console.log(window.total(0), window.failures(0)); // 3 1
 * ```
 */
export class CountWindow implements OutcomeWindow {
  readonly size: number;
  readonly #outcomes: Uint8Array;
  /** Where the next outcome goes. */
  #next = 0;
  #total = 0;
  #failures = 0;

  constructor(size: number) {
    checkInteger(size, "size", 1);
    if (size > largest) throw invalidArgument(RangeError, "size", `at most ${largest}`, size);
    this.size = size;
    this.#outcomes = new Uint8Array(size);
  }

  /** Allocates nothing. */
  record(failed: boolean, _at: number): void {
    const outcome = failed ? 1 : 0;
    // A place that was never used holds 0, as one with a success does.
    this.#failures += outcome - this.#outcomes[this.#next]!;
    this.#outcomes[this.#next] = outcome;
    if (this.#total < this.size) this.#total++;
    this.#next = this.#next + 1 === this.size ? 0 : this.#next + 1;
  }

  total(_at: number): number {
    return this.#total;
  }

  failures(_at: number): number {
    return this.#failures;
  }

  reset(): void {
    this.#outcomes.fill(0);
    this.#next = this.#total = this.#failures = 0;
  }
}
