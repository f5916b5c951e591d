import type { Clock } from "../clock.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import { checkFunction, invalidArgument, SnowshedError } from "../errors.ts";
import type { Classification, Classify } from "./classify.ts";
import { classify, classifyError, classifyValue } from "./classify.ts";
import { discard } from "./retry-policy.ts";

export interface FallbackOptions<T, F = T> {
  /**
   * Gives the stand-in. `error`: what was thrown, or the response that counts as a failure. `last`: the last good value,
   * while it is kept and not older than `maxAge`.
   */
  readonly value: (error: unknown, last: LastValue<T> | undefined) => F | PromiseLike<F>;
  /** How long the last good value may serve as `last`. Default: 0, none is kept. */
  readonly maxAge?: Duration | undefined;
  /**
   * For which failures there is a stand-in. Default: all but `"ignore"`, whose caller has gone, and errors that `classify`
   * takes for an answer (`"ok"`).
   */
  readonly when?: ((error: unknown, classification: Classification) => boolean) | undefined;
  /** What counts as a failure. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** A value that was good when it came. */
export interface LastValue<T> {
  readonly value: T;
  /** Milliseconds since it came. */
  readonly age: number;
}

/**
 * Gives a stand-in when a task fails, such as its last good value or a default. Keep one for each thing that is asked
 * for: what it remembers is one value.
 *
 * @example
 * ```ts
 * import { Fallback } from "snowshed";
 *
 * const rate = new Fallback<number>({ value: (_error, last) => last?.value ?? 1, maxAge: "1h" });
 * await rate.run(() => 1.08);
 * console.log(await rate.run(() => Promise.reject(new Error("rates are down")))); // 1.08
 * ```
 */
export class Fallback<T, F = T> {
  readonly #value: (error: unknown, last: LastValue<T> | undefined) => F | PromiseLike<F>;
  readonly #maxAge: number;
  readonly #when: (error: unknown, classification: Classification) => boolean;
  readonly #classify: Classify;
  readonly #clock: Clock | undefined;
  #last: { readonly value: T; readonly at: number } | undefined;

  constructor(options: FallbackOptions<T, F>) {
    if (typeof options !== "object" || options === null)
      throw invalidArgument(TypeError, "options", "an object", options);
    const { value, maxAge = 0, when = byDefault, classify: rule = classify, clock } = options;
    checkFunction(value, "value");
    checkFunction(when, "when");
    checkFunction(rule, "classify");
    this.#value = value;
    this.#maxAge = toMillisecondsInRange(maxAge, "maxAge", 0);
    this.#when = when;
    this.#classify = rule;
    this.#clock = clock;
  }

  /**
   * Runs `task`, with the context of `options.signal`. Resolves as the task does; with the stand-in when it fails: when it
   * throws, or returns a response that classifies as transient or overload. Any other response is an answer.
   *
   * Rejects with the task's own error when `when` says no; with `SNOWSHED_FALLBACK_FAILED` when `value` or `when` throws,
   * whose `cause` is an `AggregateError` of both. A `signal` that is aborted already counts as a failure of the task,
   * which is not run: a deadline that has passed leads to the stand-in, a cancellation does not.
   */
  async run(
    task: (context: Context) => T | PromiseLike<T>,
    options: { readonly signal?: AbortSignal | Context | undefined } = {},
  ): Promise<T | F> {
    checkFunction(task, "task");
    const context = contextOf(options.signal, this.#clock);
    let failed = false;
    let outcome: unknown;
    try {
      context.throwIfAborted();
      outcome = await task(context);
    } catch (error) {
      failed = true;
      outcome = error;
    }
    const classification = failed ? classifyError(this.#classify, outcome) : classifyValue(this.#classify, outcome);
    if (!failed && classification !== "transient" && classification !== "overload") {
      if (classification === "ok" && this.#maxAge > 0) this.#last = { value: outcome as T, at: context.clock.now() };
      return outcome as T;
    }
    let wanted: boolean;
    let standIn: F | undefined;
    try {
      wanted = this.#when(outcome, classification);
      if (wanted) standIn = await this.#value(outcome, this.#recent(context.clock.now()));
    } catch (error) {
      const cause = new AggregateError([outcome, error], "the task failed, and so did its fallback");
      throw new SnowshedError("SNOWSHED_FALLBACK_FAILED", "there is no stand-in for what failed", { cause });
    }
    if (!wanted) {
      if (failed) throw outcome;
      return outcome as T;
    }
    if (!failed && !Object.is(standIn, outcome)) discard(outcome);
    return standIn as F;
  }

  #recent(now: number): LastValue<T> | undefined {
    if (this.#last === undefined) return undefined;
    const age = Math.max(0, now - this.#last.at);
    if (age <= this.#maxAge) return { value: this.#last.value, age };
    this.#last = undefined;
    return undefined;
  }
}

function byDefault(_error: unknown, classification: Classification): boolean {
  return classification !== "ignore" && classification !== "ok";
}
