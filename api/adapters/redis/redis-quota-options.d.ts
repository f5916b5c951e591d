import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { QuotaLimit } from "../../throttle/quota-options.ts";
export interface RedisQuotaOptions {
    readonly limits: readonly QuotaLimit[];
    readonly prefix?: string | undefined;
    readonly maxQueue?: number | undefined;
    readonly block?: number | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export interface RedisQuotaKeyOptions {
    readonly key?: string | undefined;
}
export interface RedisQuotaAcquireOptions extends RedisQuotaKeyOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface RedisQuotaPermit extends Disposable {
    readonly weight: number;
    refund(): Promise<void>;
}
export interface RedisQuotaInspection {
    readonly limits: readonly {
        readonly requests: number;
        readonly per: number;
        readonly available: number;
    }[];
    readonly queued: number;
    readonly pausedFor: number;
}
