import type { Context } from "../concurrency/context.ts";
export interface EventIdentity {
    readonly key: string;
    readonly at?: number | undefined;
}
export type Deduplicated<R> = {
    readonly status: "applied";
    readonly value: R;
} | {
    readonly status: "duplicate";
};
export interface DeduplicatedBatch<R> {
    readonly applied: readonly number[];
    readonly value: R | undefined;
}
export interface DeduplicationOptions {
    readonly signal?: AbortSignal | Context | undefined;
}
export interface DeduplicationStore<Transaction = unknown> {
    apply<R>(event: EventIdentity, effect: (transaction: Transaction, context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<Deduplicated<R>>;
    applyBatch?<R>(events: readonly EventIdentity[], effect: (transaction: Transaction, fresh: readonly number[], context: Context) => R | PromiseLike<R>, options?: DeduplicationOptions): Promise<DeduplicatedBatch<R>>;
}
