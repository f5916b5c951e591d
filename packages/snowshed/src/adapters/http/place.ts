import type { Clock } from "../../clock.ts";
import type { CircuitBreaker } from "../../overload/circuit-breaker.ts";
import type { Classification } from "../../overload/classify.ts";
import { limitOutcomeOf } from "../../overload/classify.ts";
import type { LimitOutcome } from "../../overload/limit-permit.ts";
import type { Limiter } from "../../overload/limiter.ts";

/**
 * What one attempt holds of its origin's protection. The answer is judged when its headers arrive, and that is also the
 * latency that counts: how long a body runs says more about its reader than about the origin. The place in the limiter is
 * kept until the work has ended.
 *
 * @internal
 */
export class Place {
  readonly #limiter: Limiter | undefined;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #admittedAt: number;
  #verdict: LimitOutcome | undefined;
  #latency = 0;
  #held = true;

  constructor(
    limiter: Limiter | undefined,
    breaker: CircuitBreaker | undefined,
    clock: Clock,
    epoch: number,
    admittedAt: number,
  ) {
    this.#limiter = limiter;
    this.#breaker = breaker;
    this.#clock = clock;
    this.#epoch = epoch;
    this.#admittedAt = admittedAt;
  }

  /** The outcome is known: the breaker is told. The first call counts. */
  judge(classification: Classification, outcome: unknown): void {
    if (this.#verdict !== undefined) return;
    const at = this.#clock.now();
    this.#verdict = limitOutcomeOf(classification, outcome);
    this.#latency = at - this.#admittedAt;
    this.#breaker?.leave(this.#epoch, classification, at);
  }

  /** The work has ended: the place is free. The first call counts. */
  end(): void {
    if (!this.#held) return;
    this.#held = false;
    this.judge("ignore", undefined);
    const at = this.#clock.now();
    this.#limiter?.leave(at - this.#latency, this.#verdict!, at);
  }
}
