import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
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
