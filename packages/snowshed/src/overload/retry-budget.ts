import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { finite, toMillisecondsInRange } from "../duration.ts";
import { invalidArgument } from "../errors.ts";
import { TimeWindow } from "./windows/time-window.ts";

export interface RetryBudgetOptions {
  /** Extra attempts for each first attempt: at least 0. Default: 0.1, one for ten. */
  readonly ratio?: number | undefined;
  /** How long a first attempt earns credit, and how long an extra one is charged: at least 1 ms. Default: `"10s"`. */
  readonly window?: Duration | undefined;
  /** What there is for those with little traffic, each second: at least 0. Default: 1, so 10 in a window of 10 s. */
  readonly minimumPerSecond?: number | undefined;
  /** Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

export interface RetryBudgetInspection {
  /** How many extra attempts it would give now. */
  readonly balance: number;
  /** How many it has given, and how many refused, from the beginning. */
  readonly withdrawn: number;
  readonly refused: number;
}

/** Of a window: what the slices blur is one part in fifty. */
const slices = 50;

/** Ten times 0.1 is 1, however a computer adds. */
const tolerance = 1e-9;

/**
 * How many extra attempts (retries and hedges together) may be made, as a share of the first ones: so that a service
 * in trouble gets a tenth more work from its callers, not three times as much. Share one among all calls to the same
 * service.
 *
 * At any moment, the extra attempts of the `window` before it are at most `ratio` times the first attempts of that
 * window, plus `minimumPerSecond` times its seconds. Credit that is not used expires with the window. The shape is that
 * of Finagle's retry budget; the share of 10 % over 10 s is what amplifies an outage least at no cost in simulation.
 *
 * No timer, and nothing is allocated by `deposit()` and `tryWithdraw()`.
 *
 * @example
 * ```ts
 * import { RetryBudget } from "snowshed";
 *
 * const budget = new RetryBudget({ ratio: 0.1, minimumPerSecond: 0 });
 * for (let call = 0; call < 20; call++) budget.deposit();
 * console.log(budget.balance); // 2
 * console.log([1, 2, 3].map(() => budget.tryWithdraw())); // [ true, true, false ]
 * ```
 */
export class RetryBudget {
  readonly ratio: number;
  readonly #minimum: number;
  readonly #clock: Clock;
  readonly #deposits: TimeWindow;
  /** One slice longer: what is charged is held for the whole window at least, what earns for the whole window at most. */
  readonly #withdrawals: TimeWindow;
  #withdrawn = 0;
  #refused = 0;

  constructor(options: RetryBudgetOptions = {}) {
    const { ratio = 0.1, window = "10s", minimumPerSecond = 1, clock = systemClock } = options;
    checkAmount(ratio, "ratio");
    checkAmount(minimumPerSecond, "minimumPerSecond");
    const length = toMillisecondsInRange(window, "window", 1, finite);
    this.ratio = ratio;
    this.#minimum = (minimumPerSecond * length) / 1000;
    this.#clock = clock;
    this.#deposits = new TimeWindow({ length, slices });
    this.#withdrawals = new TimeWindow({ length: (length * (slices + 1)) / slices, slices: slices + 1 });
  }

  /** How many extra attempts it would give now. */
  get balance(): number {
    return this.#balance(this.#clock.now());
  }

  inspect(): RetryBudgetInspection {
    return { balance: this.balance, withdrawn: this.#withdrawn, refused: this.#refused };
  }

  /** A first attempt is made. Not for retries and hedges: they would earn their own credit. */
  deposit(): void {
    this.depositAt(this.#clock.now());
  }

  /**
   * Takes one extra attempt if there is one, and says whether it did. Call it before the backoff, not after: retries that
   * wait would otherwise all find the same credit when they wake up. What is taken is not given back.
   */
  tryWithdraw(): boolean {
    return this.tryWithdrawAt(this.#clock.now());
  }

  /** @internal */
  depositAt(at: number): void {
    this.#deposits.record(false, at);
  }

  /** @internal */
  tryWithdrawAt(at: number): boolean {
    if (this.#balance(at) < 1) {
      this.#refused++;
      return false;
    }
    this.#withdrawn++;
    this.#withdrawals.record(false, at);
    return true;
  }

  #balance(at: number): number {
    const earned = this.ratio * this.#deposits.total(at) + this.#minimum;
    return Math.max(0, Math.floor(earned + tolerance) - this.#withdrawals.total(at));
  }
}

function checkAmount(value: unknown, name: string): void {
  if (typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY) return;
  const NativeError = typeof value === "number" ? RangeError : TypeError;
  throw invalidArgument(NativeError, name, "a finite number of at least 0", value);
}
