import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { LeasePermit } from "../../throttle/lease-permit.ts";
import type { LeaseAcquireOptions, LeaseInspection } from "../../throttle/lease-semaphore.ts";
import type { RedisLike } from "./redis-like.ts";
import type { RedisSemaphoreOptions } from "./semaphore-options.ts";
export declare class RedisSemaphore implements AsyncDisposable {
    #private;
    readonly name: string;
    constructor(client: RedisLike, name: string, options: RedisSemaphoreOptions);
    get permits(): number;
    get held(): number;
    get pending(): number;
    get lost(): number;
    permit(weight?: number, options?: LeaseAcquireOptions): Promise<LeasePermit>;
    tryPermit(weight?: number): Promise<LeasePermit | undefined>;
    run<T>(task: (context: Context, permit: LeasePermit) => T | PromiseLike<T>, options?: LeaseAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    resize(permits: number): Promise<void>;
    inspect(): Promise<LeaseInspection>;
    releaseHolder(id: string): Promise<boolean>;
    close(options?: {
        readonly timeout?: Duration | undefined;
    }): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
