import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { CanceledError, DeadlineExceededError } from "../errors.ts";
import { AbortScope } from "./abort.ts";
export interface ContextKey<T> {
    readonly name: string;
    readonly type?: T;
}
export declare function contextKey<T>(name: string): ContextKey<T>;
export declare class Context extends AbortScope {
    static readonly background: Context;
    static root(options?: {
        readonly clock?: Clock;
    }): Context;
    static from(signal: AbortSignal): Context;
    withCancel(): CancelContext;
    withTimeout(timeout: Duration, cause?: unknown): CancelContext;
    withDeadline(at: Date | number, cause?: unknown): CancelContext;
    withValue<T>(key: ContextKey<T>, value: T): Context;
    withoutCancel(): Context;
    value<T>(key: ContextKey<T>): T | undefined;
    get signal(): AbortSignal;
    get aborted(): boolean;
    get reason(): CanceledError | DeadlineExceededError | undefined;
    get cause(): unknown;
    get deadline(): number | undefined;
    remaining(): number;
    throwIfAborted(): void;
    onAbort(listener: (reason: unknown) => void): () => boolean;
    sleep(duration: Duration): Promise<void>;
}
export declare class CancelContext extends Context implements Disposable {
    cancel(reason?: unknown): void;
    [Symbol.dispose](): void;
}
