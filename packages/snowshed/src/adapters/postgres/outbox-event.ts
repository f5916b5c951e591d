import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { isName } from "../../delivery/event-identity.ts";
import type { Timestamps } from "../../delivery/event-identity.ts";
import { invalidArgument } from "../../errors.ts";
import { laneCount } from "./outbox-schema.ts";

/** What happened, before it has an identity. */
export interface OutboxDraft {
  readonly topic: string;
  /** `"order.paid"`: 1 to 200 characters, none of them a control character. */
  readonly type: string;
  /** Events of a topic with the same key are sent in the order in which their transactions were committed. Default: none. */
  readonly key?: string | Buffer | null | undefined;
  readonly value: string | Buffer | null;
  /** Of the trace it happened in. Default: one of its own, at random. */
  readonly traceId?: string | undefined;
  /** Besides `trace_id`, `event_type` and `event_timestamp`. */
  readonly headers?: Readonly<Record<string, string | Buffer>> | undefined;
  /** Default: by the key. */
  readonly partition?: number | undefined;
}

/** An event as it is sent; its identity is in the headers `trace_id`, `event_type` and `event_timestamp`. */
export interface OutboxEvent {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer>;
  readonly partition?: number | undefined;
}

/** @internal */
export interface PlacedEvent extends OutboxEvent {
  readonly lane: number;
  /** What its transaction locks, so that events of a key are in the order of commits; `undefined` without a key. */
  readonly lock: bigint | undefined;
}

const largestPartition = 2 ** 31 - 1;

/** Gives it its identity. @internal */
export function placedEvent(draft: OutboxDraft, name: string, clock: Clock, timestamps: Timestamps): PlacedEvent {
  if (typeof draft !== "object" || draft === null) throw invalidArgument(TypeError, name, "an object", draft);
  const { topic, type, traceId = randomBytes(16).toString("hex"), headers: own = {}, partition } = draft;
  if (!isName(topic)) throw invalidArgument(TypeError, `${name}.topic`, "the name of a topic", topic);
  const text = "text of 1 to 200 characters, without control characters";
  if (!isName(type)) throw invalidArgument(TypeError, `${name}.type`, text, type);
  if (!isName(traceId)) throw invalidArgument(TypeError, `${name}.traceId`, text, traceId);
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition <= largestPartition)) {
    throw invalidArgument(RangeError, `${name}.partition`, "the number of a partition", partition);
  }
  const key = bytesOf(draft.key ?? null, `${name}.key`);
  const value = bytesOf(draft.value, `${name}.value`);
  const headers = new Map<string, Buffer>();
  for (const [header, content] of Object.entries(own)) {
    if (!isName(header)) throw invalidArgument(TypeError, `a name in ${name}.headers`, text, header);
    headers.set(header, bytesOf(content, `${name}.headers.${header}`) ?? Buffer.alloc(0));
  }
  headers.set("trace_id", Buffer.from(traceId));
  headers.set("event_type", Buffer.from(type));
  headers.set("event_timestamp", Buffer.from(timestamps.next(clock.date(), clock.random())));
  const hash = key === null ? null : createHash("sha256").update(`${topic.length}:${topic}:`).update(key).digest();
  return {
    topic,
    key,
    value,
    headers,
    partition,
    lane: hash === null ? Math.floor(clock.random() * laneCount) : hash[0]! % laneCount,
    lock: hash?.readBigInt64BE(8),
  };
}

function bytesOf(value: unknown, name: string): Buffer | null {
  if (value === null) return null;
  if (typeof value === "string") return Buffer.from(value);
  if (Buffer.isBuffer(value)) return value;
  throw invalidArgument(TypeError, name, "text, a Buffer or null", typeof value);
}
