import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Classification, Classify } from "./classify.ts";
export interface FallbackOptions<T, F = T> {
    readonly value: (error: unknown, last: LastValue<T> | undefined) => F | PromiseLike<F>;
    readonly maxAge?: Duration | undefined;
    readonly when?: ((error: unknown, classification: Classification) => boolean) | undefined;
    readonly classify?: Classify | undefined;
    readonly clock?: Clock | undefined;
}
export interface LastValue<T> {
    readonly value: T;
    readonly age: number;
}
export declare class Fallback<T, F = T> {
    #private;
    constructor(options: FallbackOptions<T, F>);
    run(task: (context: Context) => T | PromiseLike<T>, options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<T | F>;
}
