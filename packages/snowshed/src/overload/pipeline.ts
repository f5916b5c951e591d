import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { contextOf } from "../concurrency/child-context.ts";
import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { aboveZero, toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../errors.ts";
import type { CircuitBreakerOptions } from "./circuit-breaker.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { Classify } from "./classify.ts";
import { classify as defaultClassify } from "./classify.ts";
import { ExpiryList } from "./expiry.ts";
import type { FallbackOptions } from "./fallback.ts";
import { Fallback } from "./fallback.ts";
import type { LimiterOptions } from "./limiter.ts";
import { Limiter } from "./limiter.ts";
import type { PipelineTask, Plan } from "./pipeline-plan.ts";
import { Call } from "./pipeline-call.ts";
import { runPlain } from "./pipeline-plain.ts";
import type { Priority } from "./priority.ts";
import { bandOf } from "./priority.ts";
import { RetryBudget } from "./retry-budget.ts";
import type { RetryPolicyOptions } from "./retry-policy.ts";
import { checkBudget, RetryPolicy } from "./retry-policy.ts";

/** What stands between a caller and a service, from outside in. Each piece may be left out. */
export interface PipelineOptions<T = unknown, F = never> {
  /** What to give instead of a failure. */
  readonly fallback?: Fallback<T, F> | FallbackOptions<T, F> | undefined;
  /** For the whole call: all attempts, and what lies between them. */
  readonly deadline?: Duration | undefined;
  /** Attempts in all, or how in detail. Its waits end at the deadline. */
  readonly retry?: number | PipelineRetry | undefined;
  /** A second attempt beside the first when that takes longer than `delay`. */
  readonly hedge?: PipelineHedge | undefined;
  /** Refuses at once while the service behind is down. */
  readonly breaker?: CircuitBreaker | CircuitBreakerOptions | undefined;
  /** How many attempts may be alive at once. */
  readonly limiter?: Limiter | LimiterOptions | undefined;
  /** For each attempt, from the moment its body begins. */
  readonly timeout?: Duration | undefined;
  /** What retries and hedges together may add to the load. Default: a `RetryBudget` of this pipeline's own. */
  readonly budget?: RetryBudget | undefined;
  /** How outcomes are judged, by all pieces. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** Of all pieces that are made here, of the deadline and of the timeout. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** The retry of a pipeline; its budget, classifier and clock are the pipeline's. */
export type PipelineRetry = Omit<RetryPolicyOptions, "budget" | "classify" | "clock">;

export interface PipelineHedge {
  /** How long the first attempt may take before the next begins beside it: about the 95th percentile of its latency. */
  readonly delay: Duration;
  /** How many attempts may run beside each other. Default: 2. */
  readonly attempts?: number | undefined;
}

export interface PipelineRunOptions {
  /** Its abort ends the call at once, with the cancellation. */
  readonly signal?: AbortSignal | Context | undefined;
  /** For the limiter. */
  readonly priority?: Priority | undefined;
}

const unlimited = Number.POSITIVE_INFINITY;

const order = ["fallback", "deadline", "retry", "hedge", "breaker", "limiter", "timeout"] as const;
const pieces: readonly string[] = [...order, "budget", "classify", "clock"];

/**
 * Puts the pieces around a call in the one order that works, whatever the order they are written in: fallback, deadline,
 * retry, hedge, breaker, limiter, timeout, and innermost the task.
 *
 * Throws (`SNOWSHED_INVALID_ARGUMENT`) for a combination that cannot work: a timeout above the deadline, a hedge that
 * would begin after its attempt is over, a budget that nothing draws on, a piece that does not exist.
 *
 * @example
 * ```ts
 * import { pipeline } from "snowshed";
 *
 * const users = pipeline({ deadline: "8s", retry: 3, breaker: {}, limiter: {}, timeout: "3s" });
 * const name = await users.run(async (context) => {
 *   context.throwIfAborted(); // Or hand `context.signal` to fetch.
 *   return "Ada";
 * });
 * console.log(name); // Ada
 * ```
 */
export function pipeline<T, F = T>(
  options: PipelineOptions<T, F> & { readonly fallback: Fallback<T, F> | FallbackOptions<T, F> },
): Pipeline<T, F>;
export function pipeline(options?: PipelineOptions): Pipeline;
export function pipeline<T, F>(options: PipelineOptions<T, F> = {}): Pipeline<T, F> {
  return new Pipeline(options);
}

/**
 * What {@link pipeline} makes. Keep it: one for each service that is called, since its pieces learn from every call. For
 * many services, see `Keyed`.
 *
 * @example
 * ```ts
 * import { Pipeline } from "snowshed";
 *
 * const prices = new Pipeline({ breaker: { name: "prices" }, timeout: "1s" });
 * console.log(await prices.run(() => 42), prices.breaker?.state); // 42 closed
 * ```
 */
export class Pipeline<T = unknown, F = never> {
  readonly #plan: Plan;
  readonly #fallback: Fallback<T, F> | null;
  /** Whether only a signal or its own body can end a call. */
  readonly #plain: boolean;

  constructor(options: PipelineOptions<T, F> = {}) {
    if (typeof options !== "object" || options === null)
      throw invalidArgument(TypeError, "options", "an object", options);
    for (const name of Object.keys(options)) {
      if (!pieces.includes(name)) throw invalidArgument(TypeError, "options", `made of ${pieces.join(", ")}`, name);
    }
    // Each is read once: one that is a getter must not be checked with one answer and used with another.
    const { breaker, clock = systemClock, classify = defaultClassify, fallback, hedge, limiter } = options;
    const { budget: sharedBudget, retry: retries } = options;
    checkFunction(classify, "classify");
    // Spread below: what is no object would give a piece with nothing but defaults.
    for (const [name, piece] of Object.entries({ fallback, hedge, breaker, limiter })) checkPiece(piece, name);
    const retry = typeof retries === "number" ? { attempts: retries } : retries;
    checkPiece(retry, "retry", "a number or an object");
    const { deadline: whole = unlimited, timeout: each = unlimited } = options;
    const deadline = toMillisecondsInRange(whole, "deadline", aboveZero);
    const timeout = toMillisecondsInRange(each, "timeout", aboveZero);
    const { delay = unlimited, attempts: hedges = 2 } = hedge ?? {};
    const hedgeDelay = toMillisecondsInRange(delay, "hedge.delay", aboveZero);
    checkInteger(hedges, "hedge.attempts", 2);
    if (hedge !== undefined && hedgeDelay === unlimited) {
      throw invalidArgument(TypeError, "hedge.delay", "a finite duration", delay);
    }
    refuseAbove(timeout, deadline, "timeout", "the deadline");
    if (hedge !== undefined) {
      refuseAbove(hedgeDelay, timeout, "hedge.delay", "the timeout");
      refuseAbove(hedgeDelay, deadline, "hedge.delay", "the deadline");
    }
    const extra = retry !== undefined || hedge !== undefined;
    if (sharedBudget !== undefined && !extra) {
      throw invalidArgument(TypeError, "budget", "left out where there is neither retry nor hedge", sharedBudget);
    }
    checkBudget(sharedBudget);
    const budget = extra ? (sharedBudget ?? new RetryBudget({ clock })) : null;
    const list = (ms: number): ExpiryList | null => (Number.isFinite(ms) ? new ExpiryList(clock, ms) : null);
    this.#plan = {
      clock,
      root: clock === systemClock ? Context.background : Context.root({ clock }),
      classify,
      deadline: list(deadline),
      retry: retry === undefined ? null : new RetryPolicy({ ...retry, budget: budget!, classify }, clock),
      budget,
      hedges,
      hedge: hedge === undefined ? null : list(hedgeDelay),
      breaker:
        breaker === undefined || breaker instanceof CircuitBreaker
          ? (breaker ?? null)
          : new CircuitBreaker({ clock, classify, ...breaker }),
      limiter:
        limiter === undefined || limiter instanceof Limiter
          ? (limiter ?? null)
          : new Limiter({ clock, classify, ...limiter }),
      timeout: list(timeout),
    };
    this.#plain = this.#plan.deadline === null && this.#plan.timeout === null && this.#plan.hedge === null;
    this.#fallback =
      fallback === undefined || fallback instanceof Fallback
        ? (fallback ?? null)
        : new Fallback({ clock, classify, ...fallback });
  }

  /** The breaker in use, if any: for its state, or to open it by hand. */
  get breaker(): CircuitBreaker | undefined {
    return this.#plan.breaker ?? undefined;
  }

  /** The limiter in use, if any. */
  get limiter(): Limiter | undefined {
    return this.#plan.limiter ?? undefined;
  }

  /** The budget of retries and hedges, if there are any. */
  get budget(): RetryBudget | undefined {
    return this.#plan.budget ?? undefined;
  }

  /**
   * Runs `task` behind the pieces. It gets the context of its attempt, and which attempt it is, from 1.
   *
   * Rejects with the last error of the task; with `DeadlineExceededError` at the deadline or at the timeout of the last
   * attempt; with the cancellation when `signal` aborts: all at once, also when the task ignores its context. A body that
   * runs on keeps its place in the limiter until it ends. Refused without running: `SNOWSHED_CIRCUIT_OPEN`,
   * `SNOWSHED_LIMIT_EXCEEDED`; neither is retried.
   *
   * A returned response that classifies as transient or overload is retried, too; the last one is returned as it is.
   */
  run<R extends T>(
    task: (context: Context, attempt: number) => R | PromiseLike<R>,
    options?: PipelineRunOptions,
  ): Promise<R | F> {
    checkFunction(task, "task");
    // Before anything is taken: the limiter would refuse it when the breaker has let it pass.
    if (options?.priority !== undefined) bandOf(options.priority);
    const fallback = this.#fallback;
    if (fallback === null) return this.#call(task, options);
    return fallback.run(() => this.#call(task, options), options) as Promise<R | F>;
  }

  #call<R>(task: PipelineTask<R>, options: PipelineRunOptions | undefined): Promise<R> {
    const plan = this.#plan;
    const signal = options?.signal;
    if (signal === undefined && this.#plain) return runPlain(plan, task, options?.priority);
    const parent = signal === undefined ? plan.root : contextOf(signal, plan.clock);
    if (parent.aborted) return Promise.reject(parent.reason);
    return new Promise((resolve, reject) => {
      new Call(plan, task, parent, options?.priority, resolve, reject).begin();
    });
  }
}

function checkPiece(piece: unknown, name: string, expected: string = "an object"): void {
  if (piece === undefined || (typeof piece === "object" && piece !== null)) return;
  throw invalidArgument(TypeError, name, expected, piece);
}

function refuseAbove(inner: number, outer: number, name: string, limit: string): void {
  if (Number.isFinite(inner) && inner > outer)
    throw invalidArgument(RangeError, name, `at most ${limit} (${outer} ms)`, inner);
}
