import type { Clock } from "../clock.ts";
import { invalidArgument } from "../errors.ts";
import type { EventFields } from "./event-identity.ts";
import { isName, Timestamps } from "./event-identity.ts";

/** What happened, before it has an identity. */
export interface EventDraft {
  readonly topic: string;
  /** `"order.paid"`: 1 to 200 characters, none of them a control character. */
  readonly type: string;
  /** Events of a topic with the same key are kept in their order. Default: none. */
  readonly key?: string | Buffer | null | undefined;
  readonly value: string | Buffer | null;
  /** Of the trace it happened in. Default: one of its own, at random. */
  readonly traceId?: string | undefined;
  /** Besides `trace_id`, `event_type` and `event_timestamp`. */
  readonly headers?: Readonly<Record<string, string | Buffer>> | undefined;
  /** Default: by the key. */
  readonly partition?: number | undefined;
}

/** An event with an identity, in its headers: what is written, and may be written again. */
export interface MintedEvent {
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: ReadonlyMap<string, Buffer>;
  readonly partition?: number | undefined;
}

const eventHeaders = {
  traceId: "trace_id",
  eventType: "event_type",
  timestamp: "event_timestamp",
} as const;

/** The fields that an event was minted with; what is not there is missing. @internal */
export function fieldsOf(headers: ReadonlyMap<string, Buffer>): Partial<EventFields> {
  const fields: { -readonly [Name in keyof EventFields]?: string } = {};
  for (const name of ["traceId", "eventType", "timestamp"] as const) {
    const value = headers.get(eventHeaders[name]);
    if (value !== undefined) fields[name] = value.toString();
  }
  return fields;
}

/** The longest name of a topic in Kafka. */
const longestTopic = 249;
const largestPartition = 2 ** 31 - 1;
const text = "text of 1 to 200 characters, without control characters";

/** Gives events their identity: no two from here have the same one. @internal */
export class EventMint {
  readonly #clock: Clock;
  readonly #timestamps = new Timestamps();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `place`: for messages, such as `events[3]`. Throws `SNOWSHED_INVALID_ARGUMENT` for what is no draft. */
  mint(draft: EventDraft, place: string): MintedEvent {
    if (typeof draft !== "object" || draft === null) throw invalidArgument(TypeError, place, "an object", draft);
    const { topic, type, headers: own = {}, partition } = draft;
    const { traceId = globalThis.crypto.randomUUID().replaceAll("-", "") } = draft;
    if (!isName(topic, longestTopic)) throw invalidArgument(TypeError, `${place}.topic`, "the name of a topic", topic);
    if (!isName(type)) throw invalidArgument(TypeError, `${place}.type`, text, type);
    if (!isName(traceId)) throw invalidArgument(TypeError, `${place}.traceId`, text, traceId);
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0 && partition <= largestPartition)) {
      throw invalidArgument(RangeError, `${place}.partition`, "the number of a partition", partition);
    }
    const key = bytesOf(draft.key ?? null, `${place}.key`);
    const value = bytesOf(draft.value, `${place}.value`);
    const headers = new Map<string, Buffer>();
    for (const [name, content] of Object.entries(own)) {
      if (!isName(name)) throw invalidArgument(TypeError, `a name in ${place}.headers`, text, name);
      headers.set(name, bytesOf(content, `${place}.headers.${name}`) ?? Buffer.alloc(0));
    }
    const timestamp = this.#timestamps.next(this.#clock.date(), this.#clock.random());
    headers.set(eventHeaders.traceId, Buffer.from(traceId));
    headers.set(eventHeaders.eventType, Buffer.from(type));
    headers.set(eventHeaders.timestamp, Buffer.from(timestamp));
    return { topic, key, value, headers, ...(partition === undefined ? {} : { partition }) };
  }
}

function bytesOf(value: unknown, name: string): Buffer | null {
  if (value === null) return null;
  if (typeof value === "string") return Buffer.from(value);
  if (Buffer.isBuffer(value)) return value;
  // Not the value itself: nobody knows what is in it.
  throw invalidArgument(TypeError, name, "text, a Buffer or null", typeof value);
}
