import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import type { GrpcLike } from "./grpc-like.ts";
export interface EtcdTls {
    readonly ca?: string | Buffer | undefined;
    readonly cert?: string | Buffer | undefined;
    readonly key?: string | Buffer | undefined;
}
export interface EtcdClientOptions {
    readonly endpoints: string | readonly string[];
    readonly tls?: EtcdTls | undefined;
    readonly credentials?: unknown;
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly timeout?: Duration | undefined;
    readonly grpc?: GrpcLike | undefined;
    readonly clock?: Clock | undefined;
}
export declare class EtcdClient implements AsyncDisposable {
    #private;
    constructor(options: EtcdClientOptions);
    close(): Promise<void>;
    [Symbol.asyncDispose](): Promise<void>;
}
