import type { Permit } from "./permit.ts";
import type { AcquireOptions } from "./semaphore.ts";
export interface OwnerOptions {
    readonly owner: object | symbol | string;
}
export declare class ReentrantSemaphore {
    #private;
    constructor(permits: number, options?: {
        readonly name?: string;
    });
    get name(): string | undefined;
    get permits(): number;
    get available(): number;
    get held(): number;
    get pending(): number;
    resize(permits: number): void;
    tryAcquire(weight: number | undefined, options: OwnerOptions): boolean;
    acquire(weight: number | undefined, options: AcquireOptions & OwnerOptions): Promise<void>;
    release(weight: number | undefined, options: OwnerOptions): void;
    permit(weight: number | undefined, options: AcquireOptions & OwnerOptions): Promise<Permit>;
    run<T>(task: () => T | PromiseLike<T>, options?: AcquireOptions & Partial<OwnerOptions> & {
        readonly weight?: number | undefined;
    }): Promise<T>;
}
