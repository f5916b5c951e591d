import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Fence } from "./lease-permit.ts";
export interface LeaseAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface LeaseHolder {
    readonly id: string;
    readonly owner: string;
    readonly weight: number;
    readonly fence: Fence;
    readonly fences: readonly Fence[];
    readonly since: number;
    readonly expiresIn: number;
}
export interface LeaseWaiter {
    readonly id: string;
    readonly owner: string;
    readonly weight: number;
    readonly since: number;
}
export interface LeaseInspection {
    readonly permits: number;
    readonly version: number;
    readonly held: number;
    readonly queued: number;
    readonly holders: readonly LeaseHolder[];
    readonly waiters: readonly LeaseWaiter[];
}
