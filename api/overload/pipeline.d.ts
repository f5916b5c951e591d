import type { Clock } from "../clock.ts";
import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { CircuitBreakerOptions } from "./circuit-breaker.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { Classify } from "./classify.ts";
import type { FallbackOptions } from "./fallback.ts";
import { Fallback } from "./fallback.ts";
import type { LimiterOptions } from "./limiter.ts";
import { Limiter } from "./limiter.ts";
import type { Priority } from "./priority.ts";
import { RetryBudget } from "./retry-budget.ts";
import type { RetryPolicyOptions } from "./retry-policy.ts";
export interface PipelineOptions<T = unknown, F = never> {
    readonly fallback?: Fallback<T, F> | FallbackOptions<T, F> | undefined;
    readonly deadline?: Duration | undefined;
    readonly retry?: number | PipelineRetry | undefined;
    readonly hedge?: PipelineHedge | undefined;
    readonly breaker?: CircuitBreaker | CircuitBreakerOptions | undefined;
    readonly limiter?: Limiter | LimiterOptions | undefined;
    readonly timeout?: Duration | undefined;
    readonly budget?: RetryBudget | undefined;
    readonly classify?: Classify | undefined;
    readonly clock?: Clock | undefined;
}
export type PipelineRetry = Omit<RetryPolicyOptions, "budget" | "classify" | "clock">;
export interface PipelineHedge {
    readonly delay: Duration;
    readonly attempts?: number | undefined;
}
export interface PipelineRunOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly priority?: Priority | undefined;
}
export declare function pipeline<T, F = T>(options: PipelineOptions<T, F> & {
    readonly fallback: Fallback<T, F> | FallbackOptions<T, F>;
}): Pipeline<T, F>;
export declare function pipeline(options?: PipelineOptions): Pipeline;
export declare class Pipeline<T = unknown, F = never> {
    #private;
    constructor(options?: PipelineOptions<T, F>);
    get breaker(): CircuitBreaker | undefined;
    get limiter(): Limiter | undefined;
    get budget(): RetryBudget | undefined;
    run<R extends T>(task: (context: Context, attempt: number) => R | PromiseLike<R>, options?: PipelineRunOptions): Promise<R | F>;
}
