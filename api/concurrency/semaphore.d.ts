import type { Duration } from "../duration.ts";
import type { Context } from "./context.ts";
import type { Permit } from "./permit.ts";
export interface AcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
    readonly allowOversize?: boolean | undefined;
}
export declare class Semaphore {
    #private;
    readonly name: string | undefined;
    constructor(permits: number, options?: {
        readonly name?: string;
    });
    get permits(): number;
    get available(): number;
    get held(): number;
    get pending(): number;
    tryAcquire(weight?: number): boolean;
    acquire(weight?: number, options?: AcquireOptions): Promise<void>;
    release(weight?: number): void;
    permit(weight?: number, options?: AcquireOptions): Promise<Permit>;
    run<T>(task: () => T | PromiseLike<T>, options?: AcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    resize(permits: number): void;
}
