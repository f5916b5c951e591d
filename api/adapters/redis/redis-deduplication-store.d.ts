import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Deduplicated, DeduplicationOptions, DeduplicationStore, EventIdentity } from "../../delivery/deduplication-store.ts";
import type { Duration } from "../../duration.ts";
import type { RedisLike } from "./redis-like.ts";
export interface RedisDeduplicationOptions {
    readonly lease?: Duration | undefined;
    readonly retention?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export interface RedisClaim {
    readonly token: bigint;
}
export interface RedisDeduplicationInspection {
    readonly applied: number;
    readonly duplicates: number;
    readonly expired: number;
    readonly overtaken: number;
    readonly lost: number;
    readonly unavailable: number;
}
export declare class RedisDeduplicationStore implements DeduplicationStore<RedisClaim> {
    #private;
    readonly name: string;
    constructor(client: RedisLike, name: string, options?: RedisDeduplicationOptions);
    apply<R>(event: EventIdentity, effect: (transaction: RedisClaim, context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<Deduplicated<R>>;
    inspect(): RedisDeduplicationInspection;
}
