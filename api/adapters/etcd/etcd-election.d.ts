import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { EtcdLeader } from "./election-observer.ts";
import { EtcdClient } from "./etcd-client.ts";
export interface EtcdElectionOptions {
    readonly lease?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly owner?: string | undefined;
}
export interface EtcdCampaignOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
}
export interface EtcdLeadership extends AsyncDisposable {
    readonly context: Context;
    readonly fence: Fence;
    proclaim(value: string): Promise<void>;
    resign(): Promise<void>;
}
export declare class EtcdElection implements AsyncDisposable {
    #private;
    readonly name: string;
    constructor(client: EtcdClient, name: string, options?: EtcdElectionOptions);
    campaign(value: string, options?: EtcdCampaignOptions): Promise<EtcdLeadership>;
    leader(): Promise<EtcdLeader | undefined>;
    observe(options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): AsyncGenerator<EtcdLeader | undefined, void, undefined>;
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
