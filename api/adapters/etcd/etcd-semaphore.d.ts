import type { Context } from "../../concurrency/context.ts";
import type { LeasePermit } from "../../throttle/lease-permit.ts";
import type { LeaseAcquireOptions, LeaseInspection } from "../../throttle/lease-semaphore.ts";
import { EtcdClient } from "./etcd-client.ts";
import type { EtcdSemaphoreOptions } from "./semaphore-options.ts";
export declare class EtcdSemaphore implements AsyncDisposable {
    #private;
    readonly name: string;
    constructor(client: EtcdClient, name: string, options: EtcdSemaphoreOptions);
    get permits(): number;
    get held(): number;
    get pending(): number;
    get lost(): number;
    static names(client: EtcdClient, options?: {
        readonly prefix?: string | undefined;
    }): Promise<string[]>;
    permit(weight?: number, options?: LeaseAcquireOptions): Promise<LeasePermit>;
    tryPermit(weight?: number): Promise<LeasePermit | undefined>;
    run<T>(task: (context: Context, permit: LeasePermit) => T | PromiseLike<T>, options?: LeaseAcquireOptions & {
        readonly weight?: number | undefined;
    }): Promise<T>;
    resize(permits: number): Promise<void>;
    inspect(): Promise<LeaseInspection>;
    releaseHolder(id: string): Promise<boolean>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
