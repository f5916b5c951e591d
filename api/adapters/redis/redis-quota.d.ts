import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { RedisLike } from "./redis-like.ts";
import type { RedisQuotaAcquireOptions, RedisQuotaInspection, RedisQuotaKeyOptions, RedisQuotaOptions, RedisQuotaPermit } from "./redis-quota-options.ts";
export declare class RedisQuota {
    #private;
    readonly name: string;
    constructor(client: RedisLike, name: string, options: RedisQuotaOptions);
    get queued(): number;
    tryPermit(weight?: number, options?: RedisQuotaKeyOptions): Promise<RedisQuotaPermit | undefined>;
    permit(weight?: number, options?: RedisQuotaAcquireOptions): Promise<RedisQuotaPermit>;
    run<T>(task: (context: Context) => T | PromiseLike<T>, options?: RedisQuotaAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    observe(outcome: unknown, options?: RedisQuotaKeyOptions): void;
    penalise(pause: Duration | Date, options?: RedisQuotaKeyOptions): Promise<void>;
    inspect(options?: RedisQuotaKeyOptions): Promise<RedisQuotaInspection>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
