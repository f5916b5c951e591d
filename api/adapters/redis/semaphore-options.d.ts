import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { RedisLike } from "./redis-like.ts";
export interface RedisSemaphoreOptions {
    readonly permits: number;
    readonly version?: number | undefined;
    readonly lease?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly replicas?: {
        readonly count: number;
        readonly timeout?: Duration | undefined;
    } | undefined;
    readonly localHandover?: {
        readonly times: number;
        readonly ms: number;
    } | undefined;
    readonly subscriber?: RedisLike | undefined;
    readonly owner?: string | undefined;
    readonly clock?: Clock | undefined;
}
export interface RedisSemaphoreAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface RedisSemaphoreInspection {
    readonly permits: number;
    readonly version: number;
    readonly held: number;
    readonly queued: number;
    readonly holders: readonly {
        readonly id: string;
        readonly owner: string;
        readonly weight: number;
        readonly fence: Fence;
        readonly fences: readonly Fence[];
        readonly since: number;
        readonly expiresIn: number;
    }[];
    readonly waiters: readonly {
        readonly id: string;
        readonly owner: string;
        readonly weight: number;
        readonly since: number;
    }[];
}
