import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import {
  CanceledError,
  checkFunction,
  checkInteger,
  checkIterable,
  DeadlineExceededError,
  invalidArgument,
} from "../errors.ts";
import { AbortCallback } from "./abort.ts";
import { abortable } from "./abortable.ts";
import { BatchInputs } from "./batch-inputs.ts";
import type { BatchRetry } from "./batch-retry.ts";
import { RetryPolicy } from "./batch-retry.ts";
import { contextOf } from "./child-context.ts";
import type { CancelContext, Context } from "./context.ts";
import { deadlineContext } from "./context.ts";
import { forEachConcurrent } from "./map.ts";

const unlimited = Number.POSITIVE_INFINITY;

export interface BatchOptions<Input, Value> {
  /** How many calls are alive at most at the same time. A call that ignores its signal keeps its place. Default: 10. */
  readonly concurrency?: number | undefined;
  /** For the whole batch, with queueing and retries. Running calls fail then, unstarted ones are skipped. Default: none. */
  readonly deadline?: Duration | undefined;
  /** For each attempt, counted from its start. Default: none. */
  readonly timeout?: Duration | undefined;
  /**
   * How often a failed call is tried again, or how in detail; never before the body of the failed attempt has ended.
   * Default: 0.
   */
  readonly retry?: number | BatchRetry<Input> | undefined;
  /** A stand-in for the failed calls, used only once too many have failed. */
  readonly fallback?: BatchFallback<Input, Value> | undefined;
  /** Its abort ends the batch early: the report comes at once, with the rest failed or skipped. */
  readonly signal?: AbortSignal | Context | undefined;
  /**
   * Called with each outcome when it is final; what it returns is awaited while the call keeps its place, so a slow
   * consumer slows the batch down. If it throws, the batch is canceled and rejects with that error. With a `fallback`,
   * failed outcomes are final only at the end.
   */
  readonly onSettled?: ((outcome: BatchOutcome<Input, Value>) => unknown) | undefined;
  /** `false` leaves `report.outcomes` empty, for inputs without end. Default: `true`. */
  readonly collect?: boolean | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

export interface BatchFallback<Input, Value> {
  /** The stand-in for `input`, such as its last good answer. If it throws, the call stays failed, with its own error. */
  value(input: Input, error: unknown): Value | PromiseLike<Value>;
  /** The share of failed calls, among those that were made, above which it is used: in [0, 1]. Default: 0.5. */
  readonly threshold?: number | undefined;
}

export interface BatchOutcome<Input, Value> {
  readonly input: Input;
  /** `"fallback"`: the call failed and `value` is the stand-in. `"skipped"`: it was never started. */
  readonly status: "ok" | "failed" | "fallback" | "skipped";
  readonly value?: Value;
  /** Why the last attempt failed, also of a `"fallback"`; of `"skipped"`, why the batch ended. */
  readonly error?: unknown;
  /** Attempts made. */
  readonly attempts: number;
  /** Milliseconds from the start of the first attempt to the outcome. */
  readonly duration: number;
}

export interface BatchReport<Input, Value> {
  /** In the order of the inputs; empty with `collect: false`. */
  readonly outcomes: readonly BatchOutcome<Input, Value>[];
  /** Whether any value is a stand-in. */
  readonly degraded: boolean;
  readonly stats: BatchStats;
}

/** Counts of inputs, and `elapsed` in milliseconds. */
export interface BatchStats {
  readonly total: number;
  readonly ok: number;
  readonly failed: number;
  readonly fallback: number;
  readonly skipped: number;
  /** Of the failed and fallback ones, those whose last attempt ended by `timeout` or `deadline`. */
  readonly timedOut: number;
  /** Those that took more than one attempt. */
  readonly retried: number;
  readonly elapsed: number;
}

/**
 * Makes one call for each input and reports what became of every one of them. One failure never stops the rest: it
 * resolves with a report however many calls fail, after the `deadline` at the latest, even if calls ignore their signal.
 * Only what `onSettled` and the `fallback` still do then is waited for.
 *
 * An input list (array or Set) that is cut short is reported whole, its rest as `"skipped"`; any other source is closed
 * and not read further. Rejects only if reading the source or `onSettled` throws.
 *
 * @example
 * ```ts
 * import { batch } from "snowshed";
 *
 * const urls = ["/a", "/b"];
 * const report = await batch(urls, async (url, { signal }) => `${url} ${signal.aborted}`, {
 *   concurrency: 50,
 *   deadline: "8s",
 *   timeout: "3s",
 *   retry: 1,
 * });
 * console.log(report.stats.ok, report.outcomes[1]?.value); // 2 /b false
 * ```
 */
export async function batch<Input, Value>(
  inputs: Iterable<Input> | AsyncIterable<Input>,
  call: (input: Input, context: Context) => Value | PromiseLike<Value>,
  options: BatchOptions<Input, Value> = {},
): Promise<BatchReport<Input, Value>> {
  checkIterable(inputs, "inputs");
  checkFunction(call, "call");
  return new Batch(inputs, call, options).run();
}

/** An input on its way. */
interface Entry<Input> {
  readonly input: Input;
  readonly index: number;
  started: number;
  attempts: number;
  /** Of the last attempt, while no other runs. */
  failure: { readonly error: unknown } | undefined;
  settled: boolean;
}

interface Failure<Input> {
  readonly entry: Entry<Input>;
  readonly error: unknown;
  readonly duration: number;
}

class Batch<Input, Value> {
  readonly #inputs: BatchInputs<Input>;
  readonly #call: (input: Input, context: Context) => Value | PromiseLike<Value>;
  readonly #options: BatchOptions<Input, Value>;
  readonly #concurrency: number;
  readonly #timeout: number;
  readonly #deadline: number;
  readonly #threshold: number;
  readonly #retry: RetryPolicy<Input>;
  readonly #parent: Context;
  readonly #clock: Clock;

  /** Started and without an outcome. */
  readonly #open = new Set<Entry<Input>>();
  readonly #outcomes: BatchOutcome<Input, Value>[] = [];
  /** Failed calls that a fallback may still answer. */
  readonly #failures: Failure<Input>[] = [];
  readonly #reports = new Set<Promise<void>>();
  readonly #stats = { total: 0, ok: 0, failed: 0, fallback: 0, skipped: 0, timedOut: 0, retried: 0 };
  #exhausted = false;
  /** What `onSettled` or the source threw. */
  #broken: { readonly error: unknown } | undefined;
  #context!: CancelContext;
  #finish: () => void = () => {};

  constructor(
    inputs: Iterable<Input> | AsyncIterable<Input>,
    call: (input: Input, context: Context) => Value | PromiseLike<Value>,
    options: BatchOptions<Input, Value>,
  ) {
    const { concurrency = 10, deadline = unlimited, timeout = unlimited, fallback, signal, clock, retry = 0 } = options;
    checkInteger(concurrency, "concurrency", 1, true);
    const threshold = fallback?.threshold ?? 0.5;
    if (typeof threshold !== "number" || !(threshold >= 0 && threshold <= 1)) {
      throw invalidArgument(RangeError, "fallback.threshold", "a number from 0 to 1", threshold);
    }
    if (fallback !== undefined) checkFunction(fallback.value, "fallback.value");
    if (options.onSettled !== undefined) checkFunction(options.onSettled, "onSettled");
    const exhaust = (): void => {
      this.#exhausted = true;
      this.#finishIfSettled();
    };
    this.#inputs = new BatchInputs(inputs, exhaust, (error) => {
      // After its end the batch wants nothing more of the source.
      if (!this.#context.aborted) this.#break(error);
    });
    this.#call = call;
    this.#options = options;
    this.#concurrency = concurrency;
    this.#timeout = toMilliseconds(timeout, "timeout");
    this.#deadline = toMilliseconds(deadline, "deadline");
    this.#threshold = threshold;
    this.#parent = contextOf(signal, clock);
    this.#clock = this.#parent.clock;
    this.#retry = new RetryPolicy(retry, concurrency, this.#clock);
  }

  async run(): Promise<BatchReport<Input, Value>> {
    const started = this.#clock.now();
    // The caller awaits the report, so the process must not end before the deadline, whether that is ours or the caller's.
    const context = deadlineContext(this.#parent, this.#deadline, undefined, true);
    const letEnd = context.cancelTimer ?? this.#clock.setTimeout(() => {}, context.remaining());
    this.#context = context;
    try {
      await this.#makeCalls(context);
      // Bodies that live on must not keep the source open.
      this.#inputs.close();
      for (const entry of this.#open) {
        const { error } = entry.failure ?? { error: context.reason };
        void this.#settle(entry, false, undefined, error);
      }
      if (context.aborted) await this.#skipRest(context.reason);
      await this.#settleFailures();
      while (this.#reports.size > 0) await Promise.all(this.#reports);
    } finally {
      letEnd();
      context.cancel();
    }
    if (this.#broken !== undefined) throw this.#broken.error;
    const stats = { ...this.#stats, elapsed: this.#clock.now() - started };
    return { outcomes: this.#outcomes, degraded: stats.fallback > 0, stats };
  }

  /** Resolves when no call will be made any more and each has its outcome, or at the abort: bodies may live on. */
  #makeCalls(context: Context): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#finish = resolve;
      if (context.aborted) return resolve();
      const onAbort = new AbortCallback(() => resolve());
      context.scope.link(onAbort);
      const options = { concurrency: this.#concurrency, signal: context };
      forEachConcurrent(this.#inputs.iterable, (input, own) => this.#make(this.#enter(input), own), options)
        .then(resolve, (error: unknown) => {
          if (context.aborted) resolve();
          else reject(error);
        })
        .finally(() => onAbort.stop());
    });
  }

  /** Counts an input once its call begins: one that the source gives after the end of the batch is none. */
  #enter(input: Input): Entry<Input> {
    const index = this.#stats.total++;
    const started = this.#clock.now();
    const entry = { input, index, started, attempts: 0, failure: undefined, settled: false };
    this.#open.add(entry);
    this.#retry.earn();
    return entry;
  }

  /** The batch ends with this error, at once. */
  #break(error: unknown): void {
    this.#broken ??= { error };
    this.#context.cancel(error);
  }

  #finishIfSettled(): void {
    if (this.#exhausted && this.#open.size === 0) this.#finish();
  }

  /** All attempts of one call. Returns when its last body has ended, which may be after its outcome. */
  async #make(entry: Entry<Input>, context: Context): Promise<void> {
    while (true) {
      const own = deadlineContext(context, this.#timeout, undefined, true);
      entry.attempts++;
      entry.failure = undefined;
      const body = new Promise<Value>((resolve) => resolve(this.#call(entry.input, own)));
      let failure: unknown;
      try {
        const value = await abortable(own, body);
        return await this.#settle(entry, true, value, undefined);
      } catch (error) {
        failure = error;
      } finally {
        own.cancel();
      }
      if (entry.settled) return ended(body);
      entry.failure = { error: failure };
      let delay: number | undefined;
      try {
        if (!context.aborted) delay = this.#retry.delay(entry.attempts, failure, entry.input, context.remaining());
      } catch (thrown) {
        failure = new AggregateError(
          [failure, thrown],
          "the call failed, and whether to retry it could not be decided",
        );
      }
      if (delay === undefined) {
        await this.#settle(entry, false, undefined, failure);
        // A body that lives on keeps its place from finding out that this was the last call.
        if (this.#open.size === 0) this.#inputs.lookAhead();
        return ended(body);
      }
      // The next attempt waits for the body of this one: one place, one body.
      await abortable(context, ended(body));
      await context.sleep(delay);
    }
  }

  #settle(entry: Entry<Input>, ok: boolean, value: Value | undefined, error: unknown): Promise<void> | undefined {
    if (entry.settled) return undefined;
    entry.settled = true;
    this.#open.delete(entry);
    const duration = this.#clock.now() - entry.started;
    if (entry.attempts > 1) this.#stats.retried++;
    if (!ok && error instanceof DeadlineExceededError) this.#stats.timedOut++;
    const { input, attempts } = entry;
    let reported: Promise<void> | undefined;
    if (ok) reported = this.#report(entry.index, { input, status: "ok", value: value as Value, attempts, duration });
    else if (this.#options.fallback !== undefined) this.#failures.push({ entry, error, duration });
    else reported = this.#report(entry.index, { input, status: "failed", error, attempts, duration });
    this.#finishIfSettled();
    return reported;
  }

  /** The outcome is final. */
  #report(index: number, outcome: BatchOutcome<Input, Value>): Promise<void> | undefined {
    this.#stats[outcome.status]++;
    if (this.#options.collect ?? true) this.#outcomes[index] = outcome;
    if (this.#options.onSettled === undefined || this.#broken !== undefined) return undefined;
    const report = this.#tell(this.#options.onSettled, outcome).finally(() => this.#reports.delete(report));
    this.#reports.add(report);
    return report;
  }

  async #tell(
    onSettled: (outcome: BatchOutcome<Input, Value>) => unknown,
    outcome: BatchOutcome<Input, Value>,
  ): Promise<void> {
    try {
      await onSettled(outcome);
    } catch (error) {
      this.#break(error);
    }
  }

  async #skipRest(error: unknown): Promise<void> {
    for (const input of this.#inputs.rest(this.#stats.total)) {
      if (this.#broken !== undefined) return;
      await this.#report(this.#stats.total++, { input, status: "skipped", error, attempts: 0, duration: 0 });
    }
  }

  async #settleFailures(): Promise<void> {
    const failed = this.#failures.length;
    const degraded = failed / (failed + this.#stats.ok) > this.#threshold;
    const settle = async ({ entry, error, duration }: Failure<Input>): Promise<void> => {
      const failure = { input: entry.input, error, attempts: entry.attempts, duration };
      let outcome: BatchOutcome<Input, Value> = { ...failure, status: "failed" };
      // Nobody waits for stand-ins of a batch that its caller gave up.
      if (degraded && this.#broken === undefined && !(this.#parent.reason instanceof CanceledError)) {
        try {
          outcome = { ...failure, status: "fallback", value: await this.#standIn(entry.input, error) };
        } catch {
          // No stand-in: the call's own error says more than why there is none.
        }
      }
      await this.#report(entry.index, outcome);
    };
    await forEachConcurrent(this.#failures, settle, { concurrency: this.#concurrency });
  }

  #standIn(input: Input, error: unknown): Promise<Value> {
    return new Promise((resolve, reject) => {
      // A deadline is what stand-ins are for; the caller's cancellation ends the wait.
      const stop = this.#parent.onAbort((reason) => {
        if (reason instanceof CanceledError) reject(reason);
      });
      const value = new Promise<Value>((settle) => settle(this.#options.fallback!.value(input, error)));
      void value.then(resolve, reject).finally(stop);
    });
  }
}

function ended(body: Promise<unknown>): Promise<void> {
  return body.then(
    () => {},
    () => {},
  );
}
