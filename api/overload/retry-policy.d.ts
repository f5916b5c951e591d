import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { Backoff } from "./backoff.ts";
import type { Classification, Classify } from "./classify.ts";
import type { RetryBudget } from "./retry-budget.ts";
export interface RetryEvent<T = unknown> {
    readonly attempt: number;
    readonly classification: Classification;
    readonly error?: unknown;
    readonly result?: T;
    readonly delay: number;
}
export interface GiveUpEvent<T = unknown> {
    readonly attempts: number;
    readonly reason: GiveUpReason;
    readonly classification: Classification;
    readonly error?: unknown;
    readonly result?: T;
}
export type GiveUpReason = "attempts" | "budget" | "deadline" | "fatal" | "circuit-open" | "overload-too-long";
export interface RetryPolicyOptions<T = unknown> {
    readonly attempts?: number | undefined;
    readonly backoff?: Backoff | undefined;
    readonly budget?: RetryBudget | undefined;
    readonly classify?: Classify | undefined;
    readonly maxRetryAfter?: Duration | undefined;
    readonly onRetry?: ((event: RetryEvent<T>) => void) | undefined;
    readonly onGiveUp?: ((event: GiveUpEvent<T>) => void) | undefined;
    readonly clock?: Clock | undefined;
}
