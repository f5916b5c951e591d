import type { Context } from "../../concurrency/context.ts";
import type { Deduplicated, DeduplicatedBatch, DeduplicationOptions, DeduplicationStore, EventIdentity } from "../../delivery/deduplication-store.ts";
import type { PostgresDeduplicationOptions } from "./deduplication-options.ts";
import type { MaintenanceReport } from "./deduplication-maintenance.ts";
import type { PostgresLike, PostgresTransaction } from "./postgres-like.ts";
export type AppliedEach<R> = Deduplicated<R> | {
    readonly status: "failed";
    readonly error: unknown;
};
export interface DeduplicationInspection {
    readonly applied: number;
    readonly duplicates: number;
    readonly expired: number;
    readonly conflicts: number;
    readonly unavailable: number;
    readonly maintenanceFailure: unknown;
}
export declare class PostgresDeduplicationStore implements DeduplicationStore<PostgresTransaction> {
    #private;
    readonly name: string;
    constructor(pool: PostgresLike, name: string, options?: PostgresDeduplicationOptions);
    apply<R>(event: EventIdentity, effect: (transaction: PostgresTransaction, context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<Deduplicated<R>>;
    applyBatch<R>(events: readonly EventIdentity[], effect: (transaction: PostgresTransaction, fresh: readonly number[], context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<DeduplicatedBatch<R>>;
    applyEach<R>(events: readonly EventIdentity[], effect: (transaction: PostgresTransaction, place: number, context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<readonly AppliedEach<R>[]>;
    createSchema(): Promise<void>;
    maintain(): Promise<MaintenanceReport>;
    inspect(): DeduplicationInspection;
}
