import type { Clock } from "../clock.ts";
import { AbortNode } from "../concurrency/abort.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { CancelContext, Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";
import type { Classification, Classify } from "./classify.ts";
import { classify, classifyError, classifyValue } from "./classify.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { checkBudget, discard } from "./retry-policy.ts";

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
  return new Promise((resolve, reject) => {
    new Race(task, ms, attempts, budget, options.classify ?? classify, parent, resolve, reject).start();
  });
}

/** The outcome of an attempt that did not win. */
interface Failure {
  readonly context: CancelContext;
  readonly failed: boolean;
  readonly outcome: unknown;
  readonly classification: Classification;
}

class Race<T> extends AbortNode {
  readonly #task: (context: Context, attempt: number) => T | PromiseLike<T>;
  readonly #delay: number;
  readonly #attempts: number;
  readonly #budget: RetryBudget | undefined;
  readonly #classify: Classify;
  readonly #parent: Context;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  readonly #running = new Set<CancelContext>();
  #launched = 0;
  #worst: Failure | undefined;
  #cancelTimer: (() => void) | undefined;
  #settled = false;

  constructor(
    task: (context: Context, attempt: number) => T | PromiseLike<T>,
    delay: number,
    attempts: number,
    budget: RetryBudget | undefined,
    rule: Classify,
    parent: Context,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#task = task;
    this.#delay = delay;
    this.#attempts = attempts;
    this.#budget = budget;
    this.#classify = rule;
    this.#parent = parent;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    this.#parent.scope.link(this);
    this.#budget?.depositAt(this.#parent.clock.now());
    this.#launch();
  }

  /** The caller's abort. The attempts' contexts are children of the same scope: they are aborted already. */
  override notify(): void {
    this.#settle();
    if (this.#worst !== undefined) drop(this.#worst);
    this.#reject(this.#parent.reason);
  }

  #launch(): void {
    const context = this.#parent.withCancel();
    const attempt = ++this.#launched;
    this.#running.add(context);
    if (attempt < this.#attempts) {
      this.#cancelTimer = this.#parent.clock.setTimeout(() => this.#launchExtra(), this.#delay);
    }
    new Promise<T>((resolve) => resolve(this.#task(context, attempt))).then(
      (value) => this.#ended(context, false, value),
      (error: unknown) => this.#ended(context, true, error),
    );
  }

  #launchExtra(): void {
    this.#stopTimer();
    if (this.#budget?.tryWithdrawAt(this.#parent.clock.now()) !== false) this.#launch();
  }

  #ended(context: CancelContext, failed: boolean, outcome: unknown): void {
    this.#running.delete(context);
    if (this.#settled) {
      if (!failed) discard(outcome);
      return;
    }
    let classification: Classification;
    try {
      classification = failed ? classifyError(this.#classify, outcome) : classifyValue(this.#classify, outcome);
    } catch (error) {
      return this.#finish(context, true, error);
    }
    if (classification !== "transient" && classification !== "overload") {
      return this.#finish(context, failed, outcome);
    }
    if (failed) context.cancel();
    this.#keep({ context, failed, outcome, classification });
    if (classification === "overload") {
      // Who sheds load must not be asked twice.
      this.#stopTimer();
      this.#launched = this.#attempts;
    } else if (this.#launched < this.#attempts) this.#launchExtra();
    const worst = this.#worst!;
    if (this.#running.size === 0) this.#finish(worst.context, worst.failed, worst.outcome);
  }

  #keep(failure: Failure): void {
    const worst = this.#worst;
    if (worst?.classification === "overload" && failure.classification !== "overload") return drop(failure);
    this.#worst = failure;
    if (worst !== undefined) drop(worst);
  }

  /** `context`: of the attempt that decided. */
  #finish(context: CancelContext, failed: boolean, outcome: unknown): void {
    this.#settle();
    if (this.#worst !== undefined && this.#worst.context !== context) drop(this.#worst);
    if (failed) context.cancel();
    // Not canceled: a response that is returned has yet to be read.
    else context.detach();
    for (const other of this.#running) other.cancel();
    if (failed) this.#reject(outcome);
    else this.#resolve(outcome as T);
  }

  #settle(): void {
    this.#settled = true;
    this.#stopTimer();
    this.source?.unlink(this);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

function drop({ context, failed, outcome }: Failure): void {
  if (!failed) discard(outcome);
  context.cancel();
}
