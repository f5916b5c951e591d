import type { BatchRetry } from "snowshed";
import { DeadlineExceededError } from "snowshed";
import { FetchFailure } from "./failure.ts";
import type { FetchRequest } from "./request.ts";

/** Sending them twice does what sending them once does (RFC 9110, 9.2.2). */
const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** A server that asks for a longer wait than this is not waited for: the place is better used for another request. */
const longestRetryAfter = 60_000;

/** Which failures are tried again, and when. Backoff, jitter, budget and deadline are those of `batch`. */
export function retryPolicy(retries: number): BatchRetry<FetchRequest> {
  return {
    attempts: retries + 1,
    retryable: (error, request) => idempotentMethods.has(request.method) && isTransient(error),
    retryAfter: (error) => (error instanceof FetchFailure ? error.retryAfter : undefined),
  };
}

function isTransient(error: unknown): boolean {
  if (error instanceof DeadlineExceededError) return true;
  return error instanceof FetchFailure && error.transient && (error.retryAfter ?? 0) <= longestRetryAfter;
}
