import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
export interface EtcdSemaphoreOptions {
    readonly permits: number;
    readonly version?: number | undefined;
    readonly lease?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly owner?: string | undefined;
}
export interface EtcdSemaphoreAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface EtcdSemaphoreInspection {
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
