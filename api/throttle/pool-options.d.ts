import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Priority } from "../overload/priority.ts";
import type { PoolLeak } from "./pool-leaks.ts";
export interface PoolOptions<T> {
    readonly create: (context: Context) => T | PromiseLike<T>;
    readonly destroy?: ((resource: T, broken: boolean) => unknown) | undefined;
    readonly validate?: ((resource: T) => boolean | PromiseLike<boolean>) | undefined;
    readonly isBroken?: ((error: unknown) => boolean) | undefined;
    readonly max?: number | undefined;
    readonly min?: number | undefined;
    readonly acquireTimeout?: Duration | undefined;
    readonly maxQueue?: number | undefined;
    readonly idleTimeout?: Duration | undefined;
    readonly maxAge?: Duration | undefined;
    readonly leakThreshold?: Duration | undefined;
    readonly onLeak?: ((leak: PoolLeak<T>) => void) | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export interface PoolAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
    readonly priority?: Priority | undefined;
}
export interface PoolInspection {
    readonly name: string | undefined;
    readonly max: number;
    readonly min: number;
    readonly size: number;
    readonly idle: number;
    readonly held: number;
    readonly creating: number;
    readonly validating: number;
    readonly destroying: number;
    readonly pending: number;
    readonly longestHeld: number;
    readonly created: number;
    readonly createFailures: number;
    readonly broken: number;
    readonly refused: number;
    readonly leaks: number;
    readonly lastError: unknown;
}
