import type { Context } from "../../concurrency/context.ts";
import type { DeduplicationStore, EventIdentity } from "../../delivery/deduplication-store.ts";
import type { ConsumedMessage } from "./message.ts";
export type MessageHandler = (message: ConsumedMessage, context: Context) => unknown;
export type BatchHandler = (messages: readonly ConsumedMessage[], context: Context) => unknown;
export type MessageIdentity = (message: ConsumedMessage) => EventIdentity | undefined;
export interface DeduplicatedOptions<Transaction> {
    readonly store: DeduplicationStore<Transaction>;
    readonly key?: MessageIdentity | undefined;
}
export declare function deduplicated<Transaction, R>(effect: (message: ConsumedMessage, transaction: Transaction, context: Context) => R | PromiseLike<R>, options: DeduplicatedOptions<Transaction>): (message: ConsumedMessage, context: Context) => ReturnType<DeduplicationStore<Transaction>["apply"]>;
export declare function deduplicatedBatch<Transaction, R>(effect: (messages: readonly ConsumedMessage[], transaction: Transaction, context: Context) => R | PromiseLike<R>, options: DeduplicatedOptions<Transaction>): (messages: readonly ConsumedMessage[], context: Context) => ReturnType<NonNullable<DeduplicationStore<Transaction>["applyBatch"]>>;
