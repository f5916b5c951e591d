import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { BatchRetry } from "./batch-retry.ts";
import type { Context } from "./context.ts";
export interface BatchOptions<Input, Value> {
    readonly concurrency?: number | undefined;
    readonly deadline?: Duration | undefined;
    readonly timeout?: Duration | undefined;
    readonly retry?: number | BatchRetry<Input> | undefined;
    readonly fallback?: BatchFallback<Input, Value> | undefined;
    readonly signal?: AbortSignal | Context | undefined;
    readonly onSettled?: ((outcome: BatchOutcome<Input, Value>) => unknown) | undefined;
    readonly collect?: boolean | undefined;
    readonly clock?: Clock | undefined;
}
export interface BatchFallback<Input, Value> {
    value(input: Input, error: unknown): Value | PromiseLike<Value>;
    readonly threshold?: number | undefined;
}
export interface BatchOutcome<Input, Value> {
    readonly input: Input;
    readonly status: "ok" | "failed" | "fallback" | "skipped";
    readonly value?: Value;
    readonly error?: unknown;
    readonly attempts: number;
    readonly duration: number;
}
export interface BatchReport<Input, Value> {
    readonly outcomes: readonly BatchOutcome<Input, Value>[];
    readonly degraded: boolean;
    readonly stats: BatchStats;
}
export interface BatchStats {
    readonly total: number;
    readonly ok: number;
    readonly failed: number;
    readonly fallback: number;
    readonly skipped: number;
    readonly timedOut: number;
    readonly retried: number;
    readonly elapsed: number;
}
export declare function batch<Input, Value>(inputs: Iterable<Input> | AsyncIterable<Input>, call: (input: Input, context: Context) => Value | PromiseLike<Value>, options?: BatchOptions<Input, Value>): Promise<BatchReport<Input, Value>>;
