import type { EventIdentity } from "./deduplication-store.ts";

/** What an event is known by, wherever and however often it is delivered. Minted once, where it happened. */
export interface EventFields {
  /** Of the trace it happened in: 1 to 200 characters, none of them a control character. */
  readonly traceId: string;
  /** What happened, `"order.paid"`: 1 to 200 characters, none of them a control character. */
  readonly eventType: string;
  /** When: RFC 3339 in UTC, as fine as its clock (`"2026-11-23T19:20:00.123456Z"`), or Unix time in milliseconds, in digits. */
  readonly timestamp: string;
}

/** Indexes of databases have a longest entry: 2700 bytes in PostgreSQL. */
const longest = 200;
const earliest = Date.parse("0001-01-01T00:00:00Z");
const utc = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.(\d{1,9}))?[Zz]$/;

/**
 * The identity of an event by its three fields; `undefined` when one of them is missing or is not what it must be, since two
 * events that lack the same field must not count as one.
 *
 * @internal
 */
export function identityOf(fields: Partial<EventFields>): EventIdentity | undefined {
  const { traceId, eventType, timestamp } = fields;
  if (!isName(traceId) || !isName(eventType) || typeof timestamp !== "string") return undefined;
  const at = timeOf(timestamp);
  if (at === undefined) return undefined;
  return { key: `${escaped(traceId)}:${escaped(eventType)}:${timestamp}`, at };
}

/** Text of 1 to `most` characters (default 200). @internal */
export function isName(value: unknown, most: number = longest): value is string {
  // Controls, of which PostgreSQL takes no NUL, and halves of characters, which are no text at all.
  return typeof value === "string" && value !== "" && value.length <= most && !/\p{Cc}|\p{Cs}/u.test(value);
}

/** So that no two triples have the same text, whatever is in them. */
function escaped(text: string): string {
  return text.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function timeOf(timestamp: string): number | undefined {
  if (/^\d{1,15}$/.test(timestamp)) return Number(timestamp) <= 8.64e15 ? Number(timestamp) : undefined;
  if (!utc.test(timestamp)) return undefined;
  // Date takes any number of digits, and drops those beyond milliseconds.
  const at = Date.parse(timestamp.toUpperCase());
  return at >= earliest ? at : undefined;
}

/**
 * Makes times of which no two are the same, and none is before the one before it: a clock that is set back, or that stands
 * still for a thousand events, must not give two events one identity.
 *
 * @internal
 */
export class Timestamps {
  /** In microseconds. */
  #last = Number.NEGATIVE_INFINITY;

  /** `date`: Unix time in milliseconds; `random`: in [0, 1), so that two processes hardly begin a millisecond alike. */
  next(date: number, random: number): string {
    const micros = Math.max(Math.floor(date) * 1000 + Math.floor(random * 1000), this.#last + 1);
    this.#last = micros;
    const ms = Math.floor(micros / 1000);
    return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1000).padStart(3, "0")}Z`;
  }
}
