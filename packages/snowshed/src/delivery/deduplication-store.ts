import type { Context } from "../concurrency/context.ts";

/** What stands for one event, however often it is delivered. */
export interface EventIdentity {
  /** The same for all deliveries of one event, and of no other event; at least one character. */
  readonly key: string;
  /**
   * When the event happened, by the clock of whoever minted it: Unix time in milliseconds, whole. Part of the identity: the same
   * key always comes with the same time. For a store's retention; that clock may have been years off. Default: none.
   */
  readonly at?: number | undefined;
}

/** What came of one event: its effect was applied now, or had been before. */
export type Deduplicated<R> = { readonly status: "applied"; readonly value: R } | { readonly status: "duplicate" };

/** What came of a batch of events. */
export interface DeduplicatedBatch<R> {
  /** In which places of the batch events stood whose effect was applied now, ascending; the others are duplicates. */
  readonly applied: readonly number[];
  /** What the effect returned; `undefined` when it was not called, since all were duplicates. */
  readonly value: R | undefined;
}

export interface DeduplicationOptions {
  /** Its abort ends the call with the cancellation, and undoes what the effect has done in the transaction. */
  readonly signal?: AbortSignal | Context | undefined;
}

/**
 * Remembers which events had their effect. `Transaction` is what an effect works with, so that effect and mark are one.
 *
 * What every store keeps to:
 *
 * - Of calls with the same key that run at once, also in several processes, one effect runs. The others wait for how it ends:
 *   duplicates if it was applied; if it was not, one of them runs its own.
 * - When an effect rejects, so does the call, with the same error, and nothing is marked.
 * - When the signal aborts, the call rejects with the cancellation, also when the effect ignores it: not before it is certain
 *   that nothing of the effect in `transaction` will be applied. Once the commit is under way, its outcome decides instead.
 * - When the store cannot be used, or gives no answer to a commit, the call rejects with `SNOWSHED_BACKEND_UNAVAILABLE`, the cause
 *   in `cause`: also when it is the effect that met the failure, in `transaction`. Whether the effect was applied then comes out
 *   by calling again: it is a duplicate or it is applied, never both.
 * - Keys and times are checked before anything is done: `SNOWSHED_INVALID_ARGUMENT`.
 *
 * @example
 * ```ts
 * import type { DeduplicationStore } from "snowshed/kafka";
 *
 * async function pay(store: DeduplicationStore<{ query(sql: string): Promise<unknown> }>): Promise<void> {
 *   const { status } = await store.apply({ key: "payment-17" }, (transaction) =>
 *     transaction.query("update accounts set balance = balance - 5 where id = 1"),
 *   );
 *   if (status === "duplicate") console.log("it was paid before");
 * }
 * ```
 */
export interface DeduplicationStore<Transaction = unknown> {
  /** Runs `effect`, unless the event had its effect. Its context ends with the signal, and when the store gives up. */
  apply<R>(
    event: EventIdentity,
    effect: (transaction: Transaction, context: Context) => R | PromiseLike<R>,
    options?: DeduplicationOptions,
  ): Promise<Deduplicated<R>>;

  /**
   * The same for many events at once, in one transaction: `effect` is called once, with the places of those that had no effect yet
   * (`fresh`, ascending; of a key that is in the batch twice, the first), or not at all if there are none. It is all or nothing:
   * when the effect rejects, nothing of the batch is applied.
   */
  applyBatch?<R>(
    events: readonly EventIdentity[],
    effect: (transaction: Transaction, fresh: readonly number[], context: Context) => R | PromiseLike<R>,
    options?: DeduplicationOptions,
  ): Promise<DeduplicatedBatch<R>>;
}
