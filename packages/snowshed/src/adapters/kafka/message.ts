import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import { fieldsOf } from "../../delivery/event.ts";
import type { EventFields } from "../../delivery/event-identity.ts";
import { identityOf } from "../../delivery/event-identity.ts";

/** One partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A message as it was read, the same from all clients. */
export interface ConsumedMessage extends TopicPartition {
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Of a name that is there twice, the last; a value that is null is empty. */
  readonly headers: ReadonlyMap<string, Buffer>;
  /** Unix time in milliseconds: by the clock of the producer, or of the broker if the topic says so. */
  readonly timestamp: number;
}

/**
 * The three fields that an event was minted with, from the headers `trace_id`, `event_type` and `event_timestamp`; what is not
 * there is missing.
 *
 * @example
 * ```ts
 * import { type ConsumedMessage, eventFields } from "snowshed/kafka";
 *
 * const headers = new Map([["event_type", Buffer.from("order.paid")]]);
 * const message: ConsumedMessage = {
 *   ...{ topic: "orders", partition: 0, offset: 17n, key: null, value: null, timestamp: 0 },
 *   headers,
 * };
 * console.log(eventFields(message)); // { eventType: 'order.paid' }
 * ```
 */
export function eventFields(message: ConsumedMessage): Partial<EventFields> {
  return fieldsOf(message.headers);
}

/**
 * The identity of an event by its headers: what `deduplicated` goes by. `undefined` if one of them is missing or no such thing.
 *
 * @example
 * ```ts
 * import { type ConsumedMessage, eventIdentity } from "snowshed/kafka";
 *
 * const headers = new Map([
 *   ["trace_id", Buffer.from("4bf92f3577b34da6a3ce929d0e0e4736")],
 *   ["event_type", Buffer.from("order.paid")],
 *   ["event_timestamp", Buffer.from("2026-11-23T19:20:00.123456Z")],
 * ]);
 * const message: ConsumedMessage = {
 *   ...{ topic: "orders", partition: 0, offset: 17n, key: null, value: null, timestamp: 0 },
 *   headers,
 * };
 * console.log(eventIdentity(message)?.at); // 1795461600123
 * ```
 */
export function eventIdentity(message: ConsumedMessage): EventIdentity | undefined {
  return identityOf(eventFields(message));
}

/**
 * The identity of a message by where it is in the log: for messages without an event's headers. It knows a message that is read
 * again, but not one that its producer wrote twice.
 *
 * @example
 * ```ts
 * import { type ConsumedMessage, positionIdentity } from "snowshed/kafka";
 *
 * const message: ConsumedMessage = {
 *   ...{ topic: "orders", partition: 0, offset: 17n, key: null, value: null, timestamp: 1000 },
 *   headers: new Map(),
 * };
 * console.log(positionIdentity(message)); // { key: 'orders/0/17', at: 1000 }
 * ```
 */
export function positionIdentity(message: ConsumedMessage): EventIdentity {
  const { topic, partition, offset, timestamp } = message;
  const key = `${topic}/${partition}/${offset}`;
  return timestamp >= 0 ? { key, at: timestamp } : { key };
}
