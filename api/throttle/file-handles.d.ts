import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Permit } from "../concurrency/permit.ts";
import type { Duration } from "../duration.ts";
import type { DescriptorUsage } from "./descriptor-limits.ts";
export interface FileHandlesOptions {
    readonly reserve?: number | undefined;
    readonly limit?: number | undefined;
    readonly maxQueue?: number | undefined;
    readonly descriptors?: (() => DescriptorUsage) | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export interface FileHandlesAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface FileHandlesInspection {
    readonly limit: number;
    readonly maximum: number;
    readonly held: number;
    readonly queued: number;
    readonly retrying: number;
    readonly pausedFor: number;
    readonly exhausted: number;
    readonly refused: number;
}
export declare class FileHandles {
    #private;
    readonly name: string | undefined;
    constructor(options?: FileHandlesOptions);
    get limit(): number;
    tryPermit(weight?: number): Permit | undefined;
    permit(weight?: number, options?: FileHandlesAcquireOptions): Promise<Permit>;
    run<T>(task: (context: Context) => T | PromiseLike<T>, options?: FileHandlesAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    inspect(): FileHandlesInspection;
}
