import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { LeasePermit } from "../../throttle/lease-permit.ts";
import type { RedisLike } from "./redis-like.ts";
import type { RedisSemaphoreAcquireOptions, RedisSemaphoreInspection, RedisSemaphoreOptions } from "./semaphore-options.ts";
export declare class RedisSemaphore implements AsyncDisposable {
    #private;
    readonly name: string;
    constructor(client: RedisLike, name: string, options: RedisSemaphoreOptions);
    get permits(): number;
    get held(): number;
    permit(weight?: number, options?: RedisSemaphoreAcquireOptions): Promise<LeasePermit>;
    tryPermit(weight?: number): Promise<LeasePermit | undefined>;
    run<T>(task: (context: Context, permit: LeasePermit) => T | PromiseLike<T>, options?: RedisSemaphoreAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    resize(permits: number): Promise<void>;
    inspect(): Promise<RedisSemaphoreInspection>;
    releaseHolder(id: string): Promise<boolean>;
    close(options?: {
        readonly timeout?: Duration | undefined;
    }): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
