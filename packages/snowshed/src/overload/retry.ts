import { contextOf } from "../concurrency/child-context.ts";
import { Context } from "../concurrency/context.ts";
import { CanceledError, checkFunction, invalidArgument } from "../errors.ts";
import { classifyError, classifyValue } from "./classify.ts";
import type { RetryPolicyOptions } from "./retry-policy.ts";
import { discard, RetryPolicy } from "./retry-policy.ts";

export interface RetryOptions<T = unknown> extends RetryPolicyOptions<T> {
  /** Ends a wait at once, and every attempt is given it as its context. One that is aborted already refuses. */
  readonly signal?: AbortSignal | Context | undefined;
}

const standard = new RetryPolicy({});

/**
 * Runs `task` again while it fails in a way that may pass, with a growing random wait in between.
 *
 * Retried is what `classify` calls `"transient"` or `"overload"`: a thrown error, or a response that was returned. The
 * wait is at least what `Retry-After` asks for, ends at once when `signal` aborts, and never reaches past its deadline:
 * then there is no further attempt. All attempts get the context of `signal`.
 *
 * When no further attempt is made, the outcome of the last one is that of the call: the error itself, or the response.
 * The body of a response that is not returned is canceled. Rejects with `SNOWSHED_CLASSIFIER_FAILED` if `classify` throws.
 *
 * @example
 * ```ts
 * import { retry, TransientError } from "snowshed";
 *
 * const answer = await retry((context, attempt) => {
 *   if (attempt < 3) throw new TransientError("try again");
 *   return `attempt ${attempt}`;
 * });
 * console.log(answer); // attempt 3
 * ```
 */
export async function retry<T>(
  task: (context: Context, attempt: number) => T | PromiseLike<T>,
  options?: RetryOptions<T>,
): Promise<T> {
  checkFunction(task, "task");
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw invalidArgument(TypeError, "options", "an object", options);
  }
  const context = options === undefined ? Context.background : contextOf(options.signal, options.clock);
  const policy = options === undefined ? standard : new RetryPolicy(options as RetryOptions, context.clock);
  context.throwIfAborted();
  policy.budget?.depositAt(context.clock.now());
  let delay = 0;
  for (let attempt = 1; ; attempt++) {
    let failed = false;
    let outcome: unknown;
    try {
      outcome = await task(context, attempt);
    } catch (error) {
      failed = true;
      outcome = error;
    }
    const classification = failed ? classifyError(policy.classify, outcome) : classifyValue(policy.classify, outcome);
    if (!failed && classification === "ok") return outcome as T;
    const remaining = context.aborted ? 0 : context.remaining();
    // A caller that has gone is told of nothing more; a deadline that has passed is a reason to give up.
    const next =
      context.reason instanceof CanceledError
        ? -1
        : policy.next(attempt, failed, outcome, classification, remaining, context.clock.now(), delay);
    if (next < 0) {
      if (failed) throw outcome;
      return outcome as T;
    }
    if (!failed) discard(outcome);
    delay = next;
    await context.sleep(delay);
  }
}
