import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
export interface TimeoutOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly clock?: Clock | undefined;
}
export declare function timeout<T>(task: (context: Context) => T | PromiseLike<T>, duration: Duration, options?: TimeoutOptions): Promise<T>;
