import { systemClock } from "../clock.ts";
import { SnowshedError } from "../errors.ts";
import { header } from "./headers.ts";
import { isObject, maxDepth, read } from "./inspection.ts";

/** Nobody waits longer for a retry, and a timer of that length still works. */
const longest = 24 * 60 * 60 * 1000;

/**
 * How many milliseconds an error or a response asks to wait before the next attempt, or `undefined` when it asks for
 * nothing: the `retryAfter` of a `TransientError` (or of any `SnowshedError`), the headers `Retry-After` (seconds, or an
 * HTTP date) and `retry-after-ms`, gRPC's `grpc-retry-pushback-ms`. Headers are looked for on a response and on errors
 * that carry `headers` or `response.headers`; what wraps such an error is looked through. Never throws.
 *
 * The result is in [0, 24 h]. `now`, in milliseconds since the epoch, is what HTTP dates are measured from. Default: the
 * system's time.
 *
 * @example
 * ```ts
 * import { retryAfter } from "snowshed";
 *
 * const response = new Response(null, { status: 503, headers: { "Retry-After": "2" } });
 * console.log(retryAfter(response)); // 2000
 * ```
 */
export function retryAfter(outcome: unknown, now?: number): number | undefined {
  for (let depth = 0; depth < maxDepth && isObject(outcome); depth++) {
    const asked = ownRetryAfter(outcome, now);
    if (asked !== undefined) return Math.min(Math.max(asked, 0), longest);
    outcome = read(outcome, "cause");
  }
  return undefined;
}

function ownRetryAfter(outcome: object, now: number | undefined): number | undefined {
  if (isOurs(outcome)) {
    const own = read(outcome, "retryAfter");
    if (typeof own === "number" && !Number.isNaN(own)) return own;
  }
  const response = read(outcome, "response");
  for (const source of [outcome, response]) {
    const headers = isObject(source) ? read(source, "headers") : undefined;
    if (!isObject(headers)) continue;
    const milliseconds = numeral(header(headers, "retry-after-ms"));
    if (milliseconds !== undefined) return milliseconds;
    const value = header(headers, "retry-after");
    const seconds = numeral(value);
    if (seconds !== undefined) return seconds * 1000;
    const date = httpDate(value);
    if (date !== undefined) return date - (now ?? systemClock.date());
  }
  const metadata = read(outcome, "metadata");
  return isObject(metadata) ? numeral(header(metadata, "grpc-retry-pushback-ms")) : undefined;
}

function isOurs(value: object): boolean {
  try {
    return value instanceof SnowshedError;
  } catch {
    return false;
  }
}

function numeral(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** RFC 9110, 5.6.7: all three forms are in UTC, but the oldest does not say so. */
function httpDate(text: string | undefined): number | undefined {
  if (text === undefined || text.length > 40 || !/^[A-Z][a-z]{2,8}\b/.test(text)) return undefined;
  const date = Date.parse(/(?:GMT|UTC)$/.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : date;
}
