import type { Clock } from "../../clock.ts";
import { CircuitBreaker } from "../../overload/circuit-breaker.ts";
import { Limiter } from "../../overload/limiter.ts";
import { RetryBudget } from "../../overload/retry-budget.ts";
export interface OriginsOptions {
    readonly limiter?: false | ((origin: string) => Limiter) | undefined;
    readonly breaker?: false | ((origin: string) => CircuitBreaker) | undefined;
    readonly budget?: false | RetryBudget | ((origin: string) => RetryBudget) | undefined;
    readonly maxOrigins?: number | undefined;
    readonly clock?: Clock | undefined;
}
export declare class Origins {
    #private;
    readonly clock: Clock;
    constructor(options?: OriginsOptions);
    get size(): number;
    get(origin: string): Origin;
    peek(origin: string): Origin | undefined;
    entries(): IterableIterator<[string, Origin]>;
}
export declare class Origin {
    #private;
    readonly name: string;
    readonly limiter: Limiter | undefined;
    readonly breaker: CircuitBreaker | undefined;
    readonly budget: RetryBudget | undefined;
}
