import { Context } from "../concurrency/context.ts";
import type { RetryPolicyOptions } from "./retry-policy.ts";
export interface RetryOptions<T = unknown> extends RetryPolicyOptions<T> {
    readonly signal?: AbortSignal | Context | undefined;
}
export declare function retry<T>(task: (context: Context, attempt: number) => T | PromiseLike<T>, options?: RetryOptions<T>): Promise<T>;
