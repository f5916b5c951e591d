import type { Clock } from "../clock.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";
import type { Classify } from "./classify.ts";
import { classify } from "./classify.ts";
import { ExpiryList } from "./expiry.ts";
import { Call } from "./pipeline-call.ts";
import type { Plan } from "./pipeline-plan.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { checkBudget } from "./retry-policy.ts";

export interface HedgeOptions {
  /**
   * How long an attempt may take before another is begun beside it: about the 95th percentile of its latency, so that
   * one call in twenty makes a second attempt. At least 0; `Infinity`: only a failure begins another.
   */
  readonly delay: Duration;
  /** How many attempts at most, the first included: at least 1. Default: 2. */
  readonly attempts?: number | undefined;
  /** What limits extra attempts over all calls that share it. Default: none. */
  readonly budget?: RetryBudget | undefined;
  /** Which outcomes count as an answer. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** Ends the call, and all attempts, when it aborts. One that is aborted already refuses. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Runs `task`, and runs it again beside itself when the first attempt takes long; the first answer counts. For calls
 * whose few slow ones are slow by chance, and that may be made twice. Source: J. Dean and L. A. Barroso, "The Tail at
 * Scale", Communications of the ACM 56(2), 2013.
 *
 * Each attempt has a context of its own. Those that lose have theirs canceled and are not waited for: a body that
 * ignores it runs on, its result is dropped, its failure is no unhandled rejection.
 *
 * What `classify` calls `"ok"` wins. A `"transient"` failure begins the next attempt at once; after an `"overload"` no
 * further one is begun. A `"fatal"` or `"ignore"` error ends the call. When all attempts have failed, the outcome is the
 * worst one, of equals the last: the error itself, or the response that was returned.
 *
 * @example
 * ```ts
 * import { hedge } from "snowshed";
 *
 * const answer = await hedge(
 *   async (context, attempt) => {
 *     if (attempt === 1) await context.sleep("1h"); // This one is stuck.
 *     return `attempt ${attempt}`;
 *   },
 *   { delay: "5ms" },
 * );
 * console.log(answer); // attempt 2
 * ```
 */
export async function hedge<T>(
  task: (context: Context, attempt: number) => T | PromiseLike<T>,
  options: HedgeOptions,
): Promise<T> {
  checkFunction(task, "task");
  if (typeof options !== "object" || options === null)
    throw invalidArgument(TypeError, "options", "an object", options);
  const { delay, attempts = 2, budget, signal, clock } = options;
  const ms = toMillisecondsInRange(delay, "delay", 0);
  checkInteger(attempts, "attempts", 1);
  checkBudget(budget);
  if (options.classify !== undefined) checkFunction(options.classify, "classify");
  const parent = contextOf(signal, clock);
  parent.throwIfAborted();
  const plan: Plan = {
    clock: parent.clock,
    root: parent,
    classify: options.classify ?? classify,
    deadline: null,
    retry: null,
    budget: budget ?? null,
    hedges: attempts,
    // Of this call alone: no other comes along that its timer would serve, too.
    hedge: new ExpiryList(parent.clock, ms, 0),
    breaker: null,
    limiter: null,
    timeout: null,
  };
  return new Promise((resolve, reject) => {
    new Call(plan, task, parent, undefined, resolve, reject).begin();
  });
}
