import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Classify } from "./classify.ts";
import type { OutcomeWindow } from "./windows/outcome-window.ts";
export type CircuitState = "closed" | "open" | "half-open";
export interface CircuitStateChange {
    readonly from: CircuitState;
    readonly to: CircuitState;
    readonly reason: string;
}
export interface CircuitBreakerInspection {
    readonly state: CircuitState;
    readonly retryAfter: number;
    readonly opened: number;
    readonly refused: number;
}
export interface CircuitBreakerOptions {
    readonly name?: string | undefined;
    readonly window?: OutcomeWindow | undefined;
    readonly minimumCalls?: number | undefined;
    readonly failureRate?: number | undefined;
    readonly consecutiveFailures?: number | undefined;
    readonly openFor?: Duration | undefined;
    readonly maxOpenFor?: Duration | undefined;
    readonly halfOpenSuccesses?: number | undefined;
    readonly classify?: Classify | undefined;
    readonly clock?: Clock | undefined;
    readonly onStateChange?: ((change: CircuitStateChange) => void) | undefined;
}
export declare class CircuitBreaker {
    #private;
    readonly name: string | undefined;
    constructor(options?: CircuitBreakerOptions);
    get state(): CircuitState;
    get retryAfter(): number;
    inspect(): CircuitBreakerInspection;
    run<T>(task: (context: Context) => T | PromiseLike<T>, options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<T>;
    open(reason?: string): void;
    close(): void;
}
