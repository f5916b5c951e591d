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

/** What tells the user which request it is. */
export function naming(request: FetchRequest): Pick<Outcome, "id" | "url" | "method"> {
  return {
    ...(request.id === undefined ? {} : { id: request.id }),
    url: request.url,
    ...(request.method === "GET" ? {} : { method: request.method }),
  };
}

/** The outcome of a request without an answer. */
export function failedOutcome(request: FetchRequest, failure: FetchFailure, effort: Effort): Outcome {
  const { code, message, httpStatus } = failure;
  return {
    ...naming(request),
    status: "failed",
    ...(httpStatus === undefined ? {} : { httpStatus }),
    ...rounded(effort),
    error: { code, message },
  };
}

/** The outcome of a request that was never sent. */
export function skippedOutcome(request: FetchRequest, failure: FetchFailure): Outcome {
  const { code, message } = failure;
  return { ...naming(request), status: "skipped", duration: 0, attempts: 0, error: { code, message } };
}

/** Milliseconds to one decimal: what is beyond is noise. */
export function rounded(effort: Effort): Effort {
  return { duration: Math.round(effort.duration * 10) / 10, attempts: effort.attempts };
}
