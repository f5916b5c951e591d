import type { Context } from "../../concurrency/context.ts";
import { deadlineContext } from "../../concurrency/context.ts";

/**
 * The header in which the time left travels: whole milliseconds, counted from the moment of sending. A length and not a
 * point in time, so that the clocks of the two machines need not agree.
 */
export const deadlineHeader = "x-request-timeout-ms";

/** What is read, lower case. The second is gRPC's own, the third what an Envoy in front tells the service behind it. */
const understood: readonly string[] = [deadlineHeader, "grpc-timeout", "x-envoy-expected-rq-timeout-ms"];

/** Longer ones are cut to it: no caller waits for a day. */
const longest = 86_400_000;

const grpcUnits: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Headers as `node:http` gives them, or a `Headers` of the platform. */
export type HeadersLike =
  | { readonly get: (name: string) => string | null }
  | { readonly [name: string]: string | readonly string[] | undefined };

/** Headers that are still to be sent: a `Headers` of the platform, or a plain record. */
export type WritableHeaders =
  | { readonly get: (name: string) => string | null; readonly set: (name: string, value: string) => void }
  | { [name: string]: string | readonly string[] | undefined };

/**
 * Tells the receiver of a request how long its answer will be of use: sets `x-request-timeout-ms` to what is left of
 * the deadline of `context`, rounded down. Does nothing when it has none, or when the headers already ask for less.
 *
 * @example
 * ```ts
 * import { Context } from "snowshed";
 * import { writeDeadline } from "snowshed/http";
 *
 * using context = Context.background.withTimeout("2s");
 * const headers = new Headers();
 * writeDeadline(headers, context);
 * console.log(Number(headers.get("x-request-timeout-ms")) <= 2000); // true
 * ```
 */
export function writeDeadline(headers: WritableHeaders, context: Context): void {
  const left = context.remaining();
  if (left === Number.POSITIVE_INFINITY) return;
  const plain = isRecord(headers);
  // Names of a plain record may be written in any case, and must not be there twice.
  const isOurs = (name: string): boolean => name.toLowerCase() === deadlineHeader;
  const name = plain ? (Object.keys(headers).find(isOurs) ?? deadlineHeader) : deadlineHeader;
  if (timeLeft(valueOf(headers, name), deadlineHeader) <= left) return;
  const value = String(Math.floor(Math.min(left, longest)));
  if (plain) headers[name] = value;
  else headers.set(name, value);
}

/**
 * The context of a received request: a child of `parent` that ends with the caller's own deadline, or with the
 * parent's if that is earlier. Without a deadline in the headers it is `parent` itself.
 *
 * Understands `x-request-timeout-ms`, gRPC's `grpc-timeout` and Envoy's `x-envoy-expected-rq-timeout-ms`; the shortest
 * counts, also of one that was sent twice. What is malformed is passed over; 0 and less are aborted at return; more
 * than a day is a day. It never throws.
 *
 * @example
 * ```ts
 * import { Context } from "snowshed";
 * import { readDeadline } from "snowshed/http";
 *
 * const context = readDeadline({ "x-request-timeout-ms": "0" }, Context.background);
 * console.log(context.aborted, String(context.reason)); // true TimeoutError: the deadline was exceeded
 * ```
 */
export function readDeadline(headers: HeadersLike, parent: Context): Context {
  const left = readTimeLeft(headers);
  return left === Number.POSITIVE_INFINITY ? parent : deadlineContext(parent, left, undefined, false);
}

/** Milliseconds that the caller gives, from 0 to a day; `Infinity` when it does not say. @internal */
export function readTimeLeft(headers: HeadersLike): number {
  let least = Number.POSITIVE_INFINITY;
  for (const name of understood) {
    const value = valueOf(headers, name);
    if (value !== undefined) least = Math.min(least, timeLeft(value, name));
  }
  return least;
}

function timeLeft(value: string | undefined, name: string): number {
  let least = Number.POSITIVE_INFINITY;
  // A header that came twice is one list to all who pass it on. Nobody needs more of it than this.
  for (const part of value?.slice(0, 256).split(",") ?? []) {
    const match = (name === "grpc-timeout" ? /^\s*(\d{1,8})([HMSmun])\s*$/ : /^\s*(-?\d+)(?:\.\d+)?()\s*$/).exec(part);
    if (match === null) continue;
    const ms = Number(match[1]) * (match[2] === "" ? 1 : grpcUnits[match[2]!]!);
    least = Math.min(least, Math.max(0, ms), longest);
  }
  return least;
}

function isRecord<Record extends { [name: string]: string | readonly string[] | undefined }>(
  headers: HeadersLike | Record,
): headers is Record {
  return typeof headers["get"] !== "function";
}

function valueOf(headers: HeadersLike, name: string): string | undefined {
  const value = isRecord(headers) ? headers[name] : headers.get(name);
  return typeof value === "object" && value !== null ? value.join(",") : (value ?? undefined);
}
