import type { Context } from "../../concurrency/context.ts";
import type { DeduplicationStore, EventIdentity } from "../../delivery/deduplication-store.ts";
import { checkFunction, invalidArgument, SnowshedError } from "../../errors.ts";
import type { ConsumedMessage } from "./message.ts";
import { eventIdentity } from "./message.ts";

/** What is done with a message. Its context ends at the deadline of the message, and when the partition is lost. */
export type MessageHandler = (message: ConsumedMessage, context: Context) => unknown;

/** The same for several messages at once: when it rejects, each has an attempt for itself. */
export type BatchHandler = (messages: readonly ConsumedMessage[], context: Context) => unknown;

/** How a message is told from others; `undefined`: it cannot be. */
export type MessageIdentity = (message: ConsumedMessage) => EventIdentity | undefined;

export interface DeduplicatedOptions<Transaction> {
  /** Where it is kept which events had their effect. */
  readonly store: DeduplicationStore<Transaction>;
  /** Default: `eventIdentity`, by the headers `trace_id`, `event_type` and `event_timestamp`. */
  readonly key?: MessageIdentity | undefined;
}

/**
 * A handler that has its effect once for each event, however often the event was written and is delivered: `store` applies it
 * unless it was applied before. What `effect` does through `transaction` and the mark are one; anything else that it does is not,
 * and happens again when the message does.
 *
 * Its result says which it was. Rejects as `store.apply()` does, and with `SNOWSHED_NO_IDENTITY`, before anything was done, for a
 * message without the fields of an event: a `ConsumerRunner` gives it to the dead-letter topic.
 *
 * @example
 * ```ts
 * import { deduplicated, type DeduplicationStore } from "snowshed/kafka";
 *
 * type Query = { query(sql: string, values: unknown[]): Promise<unknown> };
 * export const handlerOf = (store: DeduplicationStore<Query>) =>
 *   deduplicated((message, transaction) => transaction.query("insert into orders values ($1)", [message.value]), { store });
 * ```
 */
export function deduplicated<Transaction, R>(
  effect: (message: ConsumedMessage, transaction: Transaction, context: Context) => R | PromiseLike<R>,
  options: DeduplicatedOptions<Transaction>,
): (message: ConsumedMessage, context: Context) => ReturnType<DeduplicationStore<Transaction>["apply"]> {
  checkFunction(effect, "effect");
  const { store, identify } = checked(options, "apply");
  return async (message, context) => {
    const identity = identify(message);
    return excused((begin) =>
      store.apply(
        identity,
        (transaction, inner) => {
          begin();
          return effect(message, transaction, inner);
        },
        { signal: context },
      ),
    );
  };
}

/**
 * The same for batches: one transaction for all of them. `effect` gets the messages whose events had no effect yet, in their
 * order, and all of it is applied or none.
 *
 * @example
 * ```ts
 * import { deduplicatedBatch, type DeduplicationStore } from "snowshed/kafka";
 *
 * type Query = { query(sql: string, values: unknown[]): Promise<unknown> };
 * export const handlerOf = (store: DeduplicationStore<Query>) =>
 *   deduplicatedBatch(
 *     (messages, transaction) =>
 *       transaction.query("insert into orders select unnest($1::bytea[])", [messages.map(({ value }) => value)]),
 *     { store },
 *   );
 * ```
 */
export function deduplicatedBatch<Transaction, R>(
  effect: (messages: readonly ConsumedMessage[], transaction: Transaction, context: Context) => R | PromiseLike<R>,
  options: DeduplicatedOptions<Transaction>,
): (
  messages: readonly ConsumedMessage[],
  context: Context,
) => ReturnType<NonNullable<DeduplicationStore<Transaction>["applyBatch"]>> {
  checkFunction(effect, "effect");
  const { store, identify } = checked(options, "applyBatch");
  return async (messages, context) => {
    const identities = messages.map(identify);
    return excused((begin) =>
      store.applyBatch!(
        identities,
        (transaction, fresh, inner) => {
          begin();
          const own = fresh.map((place) => messages[place]!);
          return effect(own, transaction, inner);
        },
        { signal: context },
      ),
    );
  };
}

/**
 * No message is at fault for what it waited for in vain before its effect began: another delivery of it, whose process may be
 * gone and whose transaction is not, or a store that is slow. It must not be given up for that.
 */
async function excused<T>(apply: (begin: () => void) => Promise<T>): Promise<T> {
  let hasBegun = false;
  try {
    return await apply(() => {
      hasBegun = true;
    });
  } catch (error) {
    if (hasBegun || !(error instanceof SnowshedError) || error.code !== "SNOWSHED_DEADLINE_EXCEEDED") throw error;
    const message = "the deadline came before the effect could begin: another delivery is at it, or the store is slow";
    throw new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", message, { cause: error });
  }
}

function checked<Transaction>(
  options: DeduplicatedOptions<Transaction>,
  method: "apply" | "applyBatch",
): {
  readonly store: DeduplicationStore<Transaction>;
  readonly identify: (message: ConsumedMessage) => EventIdentity;
} {
  const { store, key = eventIdentity } = options;
  if (typeof (store as DeduplicationStore<Transaction> | null)?.[method] !== "function") {
    throw invalidArgument(TypeError, "store", `a DeduplicationStore with ${method}()`, store);
  }
  checkFunction(key, "key");
  return {
    store,
    identify: (message) => {
      const identity = key(message);
      if (identity !== undefined) return identity;
      const { topic, partition, offset } = message;
      throw new SnowshedError(
        "SNOWSHED_NO_IDENTITY",
        `the message at ${topic}/${partition}/${offset} cannot be told from others: it lacks the headers of an event`,
      );
    },
  };
}
