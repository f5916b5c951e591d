import type { Clock } from "../clock.ts";
import type { CancelContext, Context } from "../concurrency/context.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";
import type { Classification, Classify } from "./classify.ts";
import type { ExpiryList } from "./expiry.ts";
import type { Limiter } from "./limiter.ts";
import type { Priority } from "./priority.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { RetryPolicy } from "./retry-policy.ts";

/** A pipeline's options once they are checked: what every call of it follows. @internal */
export interface Plan {
  readonly clock: Clock;
  /** What attempts run under when the caller gives no signal. */
  readonly root: Context;
  readonly classify: Classify;
  readonly deadline: ExpiryList | null;
  readonly retry: RetryPolicy | null;
  readonly budget: RetryBudget | null;
  /** How many attempts may run beside each other, and when the next begins. */
  readonly hedges: number;
  readonly hedge: ExpiryList | null;
  readonly breaker: CircuitBreaker | null;
  readonly limiter: Limiter | null;
  readonly timeout: ExpiryList | null;
}

/** @internal */
export type PipelineTask<T> = (context: Context, attempt: number) => T | PromiseLike<T>;

/** How an attempt ended. @internal */
export interface Ending {
  /** Of the attempt, if it has one of its own. */
  readonly context: CancelContext | null;
  /** Whether `outcome` was thrown. */
  readonly failed: boolean;
  readonly outcome: unknown;
  readonly classification: Classification;
  /** By this pipeline itself, so another attempt would fare no better. */
  readonly refused: boolean;
}

/** Whose attempt it is. @internal */
export interface AttemptOwner<T> {
  readonly plan: Plan;
  readonly task: PipelineTask<T>;
  readonly priority: Priority | undefined;
  /** What its attempts run under. */
  readonly scope: Context;
  /** An attempt that was still wanted has ended. */
  ended(ending: Ending, at: number): void;
}
