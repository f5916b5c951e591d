import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { PoolPermit } from "./pool-lease.ts";
import type { PoolAcquireOptions, PoolInspection, PoolOptions } from "./pool-options.ts";
export declare class Pool<T> implements AsyncDisposable {
    #private;
    readonly name: string | undefined;
    readonly max: number;
    constructor(options: PoolOptions<T>);
    get size(): number;
    get idle(): number;
    get held(): number;
    get pending(): number;
    tryPermit(): PoolPermit<T> | undefined;
    permit(options?: PoolAcquireOptions): Promise<PoolPermit<T>>;
    run<R>(task: (resource: T, context: Context) => R | PromiseLike<R>, options?: PoolAcquireOptions): Promise<R>;
    close(options?: {
        readonly timeout?: Duration | undefined;
    }): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
    inspect(): PoolInspection;
}
