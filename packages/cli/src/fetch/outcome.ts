import type { Answer } from "./exchange.ts";
import type { FailureCode, FetchFailure } from "./failure.ts";
import type { FetchRequest } from "./request.ts";

/** What became of one request: one line of the output. Documented in docs/fetch.md. */
export interface Outcome {
  readonly id?: string;
  readonly url: string;
  /** Left out for GET. */
  readonly method?: string;
  readonly status: "ok" | "failed" | "fallback" | "skipped";
  readonly httpStatus?: number;
  /** Bytes of the body, decompressed. */
  readonly bytes?: number;
  /** Milliseconds from the first attempt to the outcome, with the waits between attempts. */
  readonly duration: number;
  readonly attempts: number;
  readonly redirects?: number;
  /** Where the body is. */
  readonly file?: string;
  /** Of `"fallback"`: milliseconds since the cached answer came. */
  readonly age?: number;
  /** Why there is no answer of the server; also of `"fallback"`. */
  readonly error?: { readonly code: FailureCode; readonly message: string };
}

export type Effort = Pick<Outcome, "duration" | "attempts">;
type Draft = { -readonly [Field in keyof Outcome]: Outcome[Field] };

/** The outcome of a request with a good answer, its body in `file` if it was kept. */
export function okOutcome(request: FetchRequest, answer: Answer, effort: Effort, file: string | undefined): Outcome {
  const outcome = draft(request, "ok", effort, answer.httpStatus);
  outcome.bytes = answer.bytes;
  if (answer.redirects > 0) outcome.redirects = answer.redirects;
  if (file !== undefined) outcome.file = file;
  return outcome;
}

/** The outcome of a request without an answer. */
export function failedOutcome(request: FetchRequest, failure: FetchFailure, effort: Effort): Outcome {
  const outcome = draft(request, "failed", effort, failure.httpStatus);
  outcome.error = { code: failure.code, message: failure.message };
  return outcome;
}

/** The outcome of a request that was never sent. */
export function skippedOutcome(request: FetchRequest, failure: FetchFailure): Outcome {
  const outcome = draft(request, "skipped", { duration: 0, attempts: 0 }, undefined);
  outcome.error = { code: failure.code, message: failure.message };
  return outcome;
}

// Made for each request, so assigned to, not spread together, which takes several times as long.
function draft(
  request: FetchRequest,
  status: Outcome["status"],
  effort: Effort,
  httpStatus: number | undefined,
): Draft {
  const named: Partial<Draft> = {};
  if (request.id !== undefined) named.id = request.id;
  named.url = request.url;
  if (request.method !== "GET") named.method = request.method;
  named.status = status;
  if (httpStatus !== undefined) named.httpStatus = httpStatus;
  // To one decimal: what is beyond is noise.
  named.duration = Math.round(effort.duration * 10) / 10;
  named.attempts = effort.attempts;
  return named as Draft;
}
