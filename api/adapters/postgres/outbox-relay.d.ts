import type { Context } from "../../concurrency/context.ts";
import type { OutboxRelayOptions } from "./outbox-relay-options.ts";
import type { PostgresLike } from "./postgres-like.ts";
export interface OutboxInspection {
    readonly sent: number;
    readonly parked: number;
    readonly failures: number;
}
export interface OutboxBacklog {
    readonly pending: number;
    readonly parked: number;
    readonly age: number;
}
export declare class OutboxRelay {
    #private;
    constructor(pool: PostgresLike, options: OutboxRelayOptions);
    run({ signal }?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<void>;
    drain({ signal }?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<number>;
    backlog(): Promise<OutboxBacklog>;
    inspect(): OutboxInspection;
}
