import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { finite, toMillisecondsInRange } from "../duration.ts";
import { checkFunction, checkInteger, invalidArgument, SnowshedError } from "../errors.ts";
import type { Classification, Classify } from "./classify.ts";
import { classify as defaultClassify, classifyError, classifyValue } from "./classify.ts";
import { Probes } from "./probes.ts";
import { CountWindow } from "./windows/count-window.ts";
import type { OutcomeWindow } from "./windows/outcome-window.ts";
import { TimeWindow } from "./windows/time-window.ts";

export type CircuitState = "closed" | "open" | "half-open";

export interface CircuitStateChange {
  readonly from: CircuitState;
  readonly to: CircuitState;
  /**
   * `"failure rate"`, `"consecutive failures"`, `"open time over"`, `"probe failed"`, `"probes succeeded"`, or by hand:
   * what `open()` was given, `"opened by hand"`, `"closed by hand"`.
   */
  readonly reason: string;
}

export interface CircuitBreakerInspection {
  readonly state: CircuitState;
  /** Milliseconds until a call may pass; see {@link CircuitBreaker.retryAfter}. */
  readonly retryAfter: number;
  /** How often it has opened, from the beginning. */
  readonly opened: number;
  /** How many calls it has refused. */
  readonly refused: number;
}

export interface CircuitBreakerOptions {
  /** For messages. */
  readonly name?: string | undefined;
  /** What the failure rate is taken of; of this breaker alone. Default: `new TimeWindow()`, 10 s in 10 slices. */
  readonly window?: OutcomeWindow | undefined;
  /**
   * Below so many calls in the window the failure rate says nothing: an integer of at least 1, and no more than a
   * `CountWindow` holds. Default: 20, or what that holds if it is less.
   */
  readonly minimumCalls?: number | undefined;
  /** Opens when at least this share of the calls in the window failed: in (0, 1]. Default: 0.5. */
  readonly failureRate?: number | undefined;
  /**
   * Opens after so many failures without a success in between: an integer of at least 1; `Infinity`: never. Default: 5,
   * but `minimumCalls` once there are as many in the window: where there is much traffic, five in a row happen by chance.
   */
  readonly consecutiveFailures?: number | undefined;
  /** How long it stays open, and how long a probe keeps its place: at least 1 ms. Default: `"5s"`. */
  readonly openFor?: Duration | undefined;
  /** How long it stays open at most after openings in a row. Default: `"60s"`, or `openFor` if that is more. */
  readonly maxOpenFor?: Duration | undefined;
  /** How many probes must succeed until it closes: an integer of at least 1. Default: 10. */
  readonly halfOpenSuccesses?: number | undefined;
  /** Says which outcomes are failures: those it calls `"transient"`. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** Default: the system's clock. */
  readonly clock?: Clock | undefined;
  /** Called after each change, in a microtask. What it throws is reported as uncaught. */
  readonly onStateChange?: ((change: CircuitStateChange) => void) | undefined;
}

/** Of an opening that is not the first, in either direction: callers that failed together must not probe together. */
const jitter = 0.2;
const never = Number.POSITIVE_INFINITY;

/**
 * Stops calling a service that is down: for its sake, and so that callers learn it at once instead of waiting.
 *
 * Closed, it lets everything pass and counts. It opens when `failureRate` of at least `minimumCalls` calls in the window
 * failed, or after `consecutiveFailures` in a row. Open, it refuses with `SNOWSHED_CIRCUIT_OPEN`. After `openFor` it is half-open:
 * one probe may pass, then two at once, four, and so on as they succeed; after `halfOpenSuccesses` of them it closes. A
 * probe that fails opens it again, for twice as long, up to `maxOpenFor`, ±20 %. So does an opening that follows a
 * closing by less time than it was last open; after that the first one counts as such.
 *
 * A failure is what `classify` calls `"transient"`, a success what it calls `"ok"`. Nothing else counts: a service that
 * sheds load (`"overload"`) is alive, a bad request (`"fatal"`) says nothing about it, nor does a caller that left.
 *
 * There is no timer: the state follows from the clock when it is asked for. Defaults: 50 % of at least 20 calls in 10 s.
 *
 * @example
 * ```ts
 * import { CircuitBreaker, SnowshedError, TransientError } from "snowshed";
 *
 * const payments = new CircuitBreaker({ name: "payments", consecutiveFailures: 2 });
 * const charge = async (): Promise<never> => {
 *   throw new TransientError("connection reset");
 * };
 * for (let call = 0; call < 3; call++) {
 *   await payments.run(charge).catch((error: SnowshedError) => console.log(error.code));
 *   // SNOWSHED_TRANSIENT, then SNOWSHED_TRANSIENT, then SNOWSHED_CIRCUIT_OPEN
 * }
 * console.log(payments.state); // open
 * ```
 */
export class CircuitBreaker {
  readonly name: string | undefined;
  readonly #window: OutcomeWindow;
  readonly #minimumCalls: number;
  readonly #failureRate: number;
  readonly #consecutiveFailures: number;
  /** The same where there is much traffic. */
  readonly #consecutiveAmongMany: number;
  readonly #openFor: number;
  readonly #maxOpenFor: number;
  readonly #halfOpenSuccesses: number;
  readonly #classify: Classify;
  readonly #clock: Clock;
  readonly #onStateChange: ((change: CircuitStateChange) => void) | undefined;

  /** Open until the next call, also when its time is over. */
  #state: CircuitState = "closed";
  /** One number for all calls of a closed period, one for each probe; it only grows, so what is older is known. */
  #epoch = 0;
  /** Failures since the last success. */
  #streak = 0;
  #openedAt = 0;
  /** `Infinity` when it was opened by hand. */
  #openTime = 0;
  /** The same without jitter: what doubles. */
  #openPeriod = 0;
  #openReason = "";
  /** By its probes: after that, for a while, an opening is one more in a row. */
  #closedAt = Number.NEGATIVE_INFINITY;
  #probes: Probes | null = null;
  #opened = 0;
  #refused = 0;

  constructor(options: CircuitBreakerOptions = {}) {
    const { failureRate = 0.5, consecutiveFailures = 5, halfOpenSuccesses = 10 } = options;
    const { window = new TimeWindow(), classify = defaultClassify, clock = systemClock, onStateChange } = options;
    const mostCalls = window instanceof CountWindow ? window.size : never;
    const { openFor = "5s", minimumCalls = Math.min(20, mostCalls) } = options;
    checkInteger(minimumCalls, "minimumCalls", 1);
    if (minimumCalls > mostCalls) {
      // The rate could never open it.
      throw invalidArgument(RangeError, "minimumCalls", `at most the ${mostCalls} of the window`, minimumCalls);
    }
    checkInteger(consecutiveFailures, "consecutiveFailures", 1, true);
    checkInteger(halfOpenSuccesses, "halfOpenSuccesses", 1);
    if (typeof failureRate !== "number") throw invalidArgument(TypeError, "failureRate", "a number", failureRate);
    if (!(failureRate > 0 && failureRate <= 1)) {
      throw invalidArgument(RangeError, "failureRate", "above 0, and at most 1", failureRate);
    }
    if (typeof (window as OutcomeWindow | null)?.record !== "function") {
      throw invalidArgument(TypeError, "window", "an OutcomeWindow", window);
    }
    checkFunction(classify, "classify");
    if (onStateChange !== undefined) checkFunction(onStateChange, "onStateChange");
    this.#openFor = toMillisecondsInRange(openFor, "openFor", 1, finite);
    const maxOpenFor = options.maxOpenFor ?? Math.max(60_000, this.#openFor);
    this.#maxOpenFor = toMillisecondsInRange(maxOpenFor, "maxOpenFor", this.#openFor, finite);
    this.name = options.name;
    this.#window = window;
    this.#minimumCalls = minimumCalls;
    this.#failureRate = failureRate;
    this.#consecutiveFailures = consecutiveFailures;
    this.#consecutiveAmongMany = options.consecutiveFailures ?? Math.max(consecutiveFailures, minimumCalls);
    this.#halfOpenSuccesses = halfOpenSuccesses;
    this.#classify = classify;
    this.#clock = clock;
    this.#onStateChange = onStateChange;
  }

  /** Open and due for a probe is `"half-open"`, also before the first one passes. */
  get state(): CircuitState {
    return this.#state === "open" && !(this.#untilProbe(this.#clock.now()) > 0) ? "half-open" : this.#state;
  }

  /**
   * Milliseconds until a call may pass: 0 when one may, `Infinity` when it was opened by hand. While all places of a
   * half-open breaker are taken, it is when the first of them is free at the latest.
   */
  get retryAfter(): number {
    return this.#untilProbe(this.#clock.now());
  }

  inspect(): CircuitBreakerInspection {
    return { state: this.state, retryAfter: this.retryAfter, opened: this.#opened, refused: this.#refused };
  }

  /**
   * Runs `task`, unless the breaker is open. Resolves and rejects as the task does, when it has ended. Rejects without
   * having run it with `SNOWSHED_CIRCUIT_OPEN`, or with the cancellation if `signal` has aborted already. Rejects with
   * `SNOWSHED_CLASSIFIER_FAILED` if `classify` throws; the call then counts for nothing.
   */
  async run<T>(
    task: (context: Context) => T | PromiseLike<T>,
    options?: { readonly signal?: AbortSignal | Context | undefined },
  ): Promise<T> {
    checkFunction(task, "task");
    const context = contextOf(options?.signal, this.#clock);
    context.throwIfAborted();
    const epoch = this.#state === "closed" ? this.#epoch : this.enter(this.#clock.now());
    if (epoch === -1) throw this.refusal();
    // Unless the classifier says otherwise: one that throws takes no place of a probe with it.
    let classification: Classification = "ignore";
    try {
      let value: T;
      try {
        value = await task(context);
      } catch (error) {
        classification = classifyError(this.#classify, error);
        throw error;
      }
      classification = classifyValue(this.#classify, value);
      return value;
    } finally {
      this.leave(epoch, classification, this.#clock.now());
    }
  }

  /** Opens it until `close()`: no time and no probe closes it. Results of calls under way no longer count. */
  open(reason: string = "opened by hand"): void {
    if (this.#state === "open") {
      this.#openReason = reason;
      this.#openTime = never;
    } else {
      this.#open(reason, this.#clock.now(), never);
    }
  }

  /** Closes it, and forgets all it has counted. Results of calls under way no longer count. */
  close(): void {
    this.#close("closed by hand", Number.NEGATIVE_INFINITY);
  }

  /**
   * Lets a call pass, or refuses with -1. What it returns goes to `leave()`, once. Allocates nothing while closed.
   *
   * @internal
   */
  enter(at: number): number {
    if (this.#state === "closed") return this.#epoch;
    if (this.#untilProbe(at) > 0) {
      this.#refused++;
      return -1;
    }
    if (this.#probes === null) {
      this.#probes = new Probes(this.#openFor);
      this.#change("half-open", "open time over");
    }
    this.#probes.begin(++this.#epoch, at);
    return this.#epoch;
  }

  /** A call that passed has ended. @internal */
  leave(epoch: number, classification: Classification, at: number): void {
    if (this.#probes === null) {
      if (this.#state !== "closed" || epoch !== this.#epoch) return;
      if (classification === "ok") this.#succeed(at);
      else if (classification === "transient") this.#fail(at);
    } else if (this.#probes.end(epoch)) {
      if (classification === "transient") this.#reopen("probe failed", at);
      else if (classification === "ok" && this.#probes.succeed() >= this.#halfOpenSuccesses) {
        this.#close("probes succeeded", at);
      }
    }
  }

  /** Why `enter()` returned -1. @internal */
  refusal(): SnowshedError {
    const name = this.name === undefined ? "" : ` "${this.name}"`;
    const ms = Math.ceil(this.retryAfter);
    const next = ms === never ? "until it is closed by hand" : `the next call may pass in ${ms} ms`;
    const why = this.#probes === null ? `open (${this.#openReason})` : `half-open (${this.#probes.underWay} under way)`;
    return new SnowshedError("SNOWSHED_CIRCUIT_OPEN", `the circuit breaker${name} is ${why}: ${next}`);
  }

  #succeed(at: number): void {
    this.#streak = 0;
    this.#window.record(false, at);
  }

  #fail(at: number): void {
    this.#streak++;
    this.#window.record(true, at);
    const total = this.#window.total(at);
    const isMany = total >= this.#minimumCalls;
    const most = isMany ? this.#consecutiveAmongMany : this.#consecutiveFailures;
    if (this.#streak >= most) this.#trip("consecutive failures", at);
    else if (isMany && this.#window.failures(at) >= this.#failureRate * total) this.#trip("failure rate", at);
  }

  /** Opens a closed one. */
  #trip(reason: string, at: number): void {
    if (at - this.#closedAt < this.#openPeriod) return this.#reopen(reason, at);
    this.#openPeriod = this.#openFor;
    this.#open(reason, at, this.#openFor);
  }

  /** Opens one that has been open shortly before. */
  #reopen(reason: string, at: number): void {
    this.#openPeriod = Math.min(2 * this.#openPeriod, this.#maxOpenFor);
    const least = (1 - jitter) * this.#openPeriod;
    const most = Math.min((1 + jitter) * this.#openPeriod, this.#maxOpenFor);
    this.#open(reason, at, Math.max(this.#openFor, least + this.#clock.random() * (most - least)));
  }

  #open(reason: string, at: number, time: number): void {
    this.#openedAt = at;
    this.#openTime = time;
    this.#openReason = reason;
    this.#opened++;
    this.#change("open", reason);
  }

  #close(reason: string, at: number): void {
    this.#closedAt = at;
    this.#streak = 0;
    this.#change("closed", reason);
    this.#window.reset();
  }

  #change(to: CircuitState, reason: string): void {
    const from = this.#state;
    this.#state = to;
    if (to !== "half-open") this.#probes = null;
    this.#epoch++;
    const listener = this.#onStateChange;
    // In a microtask, as all listeners: one that throws or that calls the breaker does so when the change is over.
    if (listener !== undefined && from !== to) queueMicrotask(() => listener({ from, to, reason }));
  }

  /** Milliseconds until a call may pass; see `retryAfter`. */
  #untilProbe(at: number): number {
    if (this.#probes !== null) return this.#probes.untilPlace(at);
    if (this.#state === "closed") return 0;
    // The clock was set back: it is open from then on, not until a time that may be hours away.
    if (at < this.#openedAt) this.#openedAt = at;
    return Math.max(0, this.#openedAt + this.#openTime - at);
  }
}
