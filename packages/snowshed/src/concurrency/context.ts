import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import type { CanceledError, DeadlineExceededError } from "../errors.ts";
import { checkFunction, invalidArgument } from "../errors.ts";
import { hooks } from "../hooks.ts";
import type { AbortNode } from "./abort.ts";
import { AbortCallback, AbortScope, Cancellation, scopeOf, scopes } from "./abort.ts";

/** A typed name for a value carried by a {@link Context}. Keys are compared by identity, never by name. */
export interface ContextKey<T> {
  readonly name: string;
  /** Never present: it only ties the type of the value to the key. */
  readonly type?: T;
}

/**
 * Makes a key for `Context.withValue`.
 *
 * @example
 * ```ts
 * import { Context, contextKey } from "snowshed";
 *
 * const traceId = contextKey<string>("traceId");
 * const context = Context.background.withValue(traceId, "4bf92f35");
 * console.log(context.value(traceId)); // 4bf92f35
 * ```
 */
export function contextKey<T>(name: string): ContextKey<T> {
  return Object.freeze({ name });
}

interface ContextValues {
  readonly key: ContextKey<unknown>;
  readonly value: unknown;
  readonly outer: ContextValues | null;
}

/** Never aborts, so nothing is linked to it: what is derived from it and forgotten can be collected. */
class RootScope extends AbortScope {
  constructor(clock: Clock) {
    super(clock);
  }

  override link(_node: AbortNode): void {}
}

const signalContexts = new WeakMap<AbortScope, Context>();
const unlimited = Number.POSITIVE_INFINITY;

/**
 * The place of a piece of work in the tree of cancellation: whether it should go on, why not, until when it may, and
 * the values that travel with it. Canceling a context cancels everything derived from it, never its parent.
 *
 * Give tasks a context as their last argument; hand `context.signal` to platform APIs. A context is cheap (tens of
 * nanoseconds); its native `AbortSignal` is made when `signal` is first read.
 *
 * A canceled context stays canceled: `aborted`, `reason` and `cause` never change again.
 *
 * @example
 * ```ts
 * import { Context } from "snowshed";
 *
 * const request = Context.background.withTimeout("8s");
 * const query = request.withCancel();
 * request.cancel(new Error("client went away"));
 * console.log(query.aborted, query.cause); // true Error: client went away
 * ```
 */
export class Context extends AbortScope {
  /** @internal */
  readonly values: ContextValues | null;
  /** The deadline by the clock's `now()`. @internal */
  readonly due: number;
  /** The deadline as a date; NaN: nobody has asked yet, and reading the date is not free. @internal */
  dueDate: number;

  /** @internal */
  protected constructor(clock: Clock, values: ContextValues | null, due: number, dueDate: number, scope?: AbortScope) {
    super(clock, scope);
    this.values = values;
    this.due = due;
    this.dueDate = dueDate;
  }

  /** The root: never canceled, no deadline, no values, the system's clock. */
  static readonly background: Context = Context.root();

  /** A root like `background` whose descendants live in another clock. */
  static root(options: { readonly clock?: Clock } = {}): Context {
    const clock = options.clock ?? systemClock;
    return new Context(clock, null, unlimited, unlimited, new RootScope(clock));
  }

  /**
   * The context of an `AbortSignal` from elsewhere: canceled when the signal aborts. Its `reason` is a `CanceledError`,
   * or a `DeadlineExceededError` when the signal's is a `TimeoutError`; its `cause` is the signal's reason.
   *
   * The same signal always gives the same context, and `context.signal` leads back to its context. However many
   * contexts and waiters hang on it, the signal gets one listener, and none while nothing does.
   */
  static from(signal: AbortSignal): Context {
    const scope = scopeOf(signal);
    if (scope === null) throw invalidArgument(TypeError, "signal", "an AbortSignal", signal);
    if (scope instanceof Context) return scope;
    let context = signalContexts.get(scope);
    if (context === undefined) {
      context = new Context(scope.clock, null, unlimited, unlimited, scope);
      signalContexts.set(scope, context);
    }
    return context;
  }

  /** A child that can be canceled on its own. Cancel it (or leave its `using` scope) when the work has ended. */
  withCancel(): CancelContext {
    return new CancelContext(this, this.due, this.dueDate);
  }

  /**
   * A child that is canceled with a `DeadlineExceededError` once `timeout` has passed, or when the parent's deadline
   * does if that is earlier. 0 and less are aborted at return; `Infinity` sets no deadline.
   *
   * `cause` becomes the `cause` of the error if this timeout, and not the parent, ends it. The timer alone does not
   * keep the process running.
   */
  withTimeout(timeout: Duration, cause?: unknown): CancelContext {
    return deadlineContext(this, toMilliseconds(timeout, "timeout"), cause, false);
  }

  /** Like {@link Context.withTimeout}, with a point in time: a `Date` or milliseconds since the epoch. */
  withDeadline(at: Date | number, cause?: unknown): CancelContext {
    // Not all that converts to a number is a time: null would be 1970.
    const date = typeof at === "number" || at instanceof Date ? Number(at) : Number.NaN;
    if (Number.isNaN(date)) throw invalidArgument(RangeError, "at", "a valid Date or milliseconds since the epoch", at);
    return deadlineContext(this, date - this.clock.date(), cause, false, date);
  }

  /** A child that also carries `value`; canceled when this one is. A key given again hides the outer value. */
  withValue<T>(key: ContextKey<T>, value: T): Context {
    if (typeof key !== "object" || key === null) throw invalidArgument(TypeError, "key", "made by contextKey()", key);
    const values = { key, value, outer: this.values };
    return new Context(this.clock, values, this.due, this.dueDate, this.scope);
  }

  /** A new root with the same values and clock: for work that must go on after this context ended, such as cleaning up. */
  withoutCancel(): Context {
    return new Context(this.clock, this.values, unlimited, unlimited, new RootScope(this.clock));
  }

  /** The value of `key`, from the nearest context that has one. */
  value<T>(key: ContextKey<T>): T | undefined {
    for (let entry = this.values; entry !== null; entry = entry.outer) {
      if (entry.key === key) return entry.value as T;
    }
    return undefined;
  }

  /** The native signal, always the same one, for `fetch` and all that takes one. `signal.reason` is `reason`. */
  get signal(): AbortSignal {
    const { scope } = this;
    if (scope.controller === null) {
      const controller = new AbortController();
      scope.controller = controller;
      scopes.set(controller.signal, scope);
      if (scope.isAborted) controller.abort(scope.abortReason);
      else scope.link(new AbortCallback((why) => controller.abort(why.reason)));
    }
    return scope.controller.signal;
  }

  get aborted(): boolean {
    return this.scope.isAborted;
  }

  /** Why it was aborted, as an error to throw; `undefined` while it is not. */
  get reason(): CanceledError | DeadlineExceededError | undefined {
    return this.scope.isAborted ? this.scope.abortReason : undefined;
  }

  /** What was passed to `cancel()`, `withTimeout()` or the foreign `abort()`; if nothing was, the same as `reason`. */
  get cause(): unknown {
    return this.scope.isAborted ? this.scope.cancellation!.cause : undefined;
  }

  /** The deadline in milliseconds since the epoch: the earliest of its own and its ancestors'. */
  get deadline(): number | undefined {
    if (Number.isNaN(this.dueDate)) this.dueDate = this.clock.date() + this.due - this.clock.now();
    return this.dueDate === unlimited ? undefined : this.dueDate;
  }

  /** Milliseconds until the deadline, never below 0; `Infinity` when there is none. */
  remaining(): number {
    return this.due === unlimited ? this.due : Math.max(0, this.due - this.clock.now());
  }

  /** Throws `reason` if aborted. */
  throwIfAborted(): void {
    if (this.scope.isAborted) throw this.scope.abortReason;
  }

  /**
   * Calls `listener` once when this context is aborted, or soon if it already is: always in a microtask, when the whole
   * subtree is marked, never inside `cancel()`. A listener that throws is reported as uncaught and stops no other.
   *
   * Returns the function that takes the listener back: `true` if that prevented the call.
   */
  onAbort(listener: (reason: unknown) => void): () => boolean {
    checkFunction(listener, "listener");
    const { scope } = this;
    let waiting: typeof listener | null = listener;
    const stop = (): boolean => {
      const prevented = waiting !== null;
      waiting = null;
      node.stop();
      return prevented;
    };
    const node = new AbortCallback((why) =>
      queueMicrotask(() => {
        const call = waiting;
        waiting = null;
        call?.(why.reason);
      }),
    );
    if (scope.isAborted) node.notify(scope.cancellation!);
    else scope.link(node);
    return stop;
  }

  /**
   * Resolves after `duration`. Rejects with `reason` at once if the context is or gets aborted. Keeps the process running
   * while it waits.
   */
  sleep(duration: Duration): Promise<void> {
    const ms = toMilliseconds(duration);
    if (this.aborted) return Promise.reject(this.reason);
    return new Promise((resolve, reject) => {
      const sleep = hooks === null ? null : {};
      const cancelTimer = this.clock.setTimeout(() => {
        stop();
        if (sleep !== null) hooks?.sleepEnded(sleep);
        resolve();
      }, ms);
      const stop = this.onAbort((reason) => {
        cancelTimer();
        if (sleep !== null) hooks?.sleepEnded(sleep);
        reject(reason);
      });
      if (sleep !== null) hooks?.sleepStarted(sleep, ms);
    });
  }
}

/**
 * A context with the means to cancel it.
 *
 * @example
 * ```ts
 * import { Context } from "snowshed";
 *
 * const context = Context.background.withCancel();
 * context.onAbort((reason) => console.log(String(reason))); // AbortError: the operation was canceled
 * context.cancel();
 * ```
 */
export class CancelContext extends Context implements Disposable {
  /** @internal */
  constructor(parent: Context, due: number, dueDate: number) {
    super(parent.clock, parent.values, due, dueDate);
    const { scope } = parent;
    if (scope.isAborted) this.cancellation = scope.cancellation;
    else scope.link(this);
  }

  /**
   * Aborts this context and everything derived from it; when it returns, all of them are. The first call counts.
   * `reason` becomes `cause`, and the `cause` of the `CanceledError` that is `reason`.
   */
  cancel(reason?: unknown): void {
    if (this.cancellation === null) this.abort(new Cancellation(reason, false));
  }

  /** The end of the scope: `cancel()`. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** Ends its life without aborting it: out of its parent's list, and without a timer. @internal */
  detach(): void {
    this.cancelTimer?.();
    this.source?.unlink(this);
  }

  /** @internal */
  abortAfter(ms: number, cause: unknown, keepAlive: boolean): void {
    const expire = (): void => this.abort(new Cancellation(cause, true));
    if (ms > 0) this.cancelTimer = this.clock.setTimeout(expire, ms, keepAlive);
    else expire();
  }
}

/** A child that knows it must end at `due`, by the clock's `now()`; who makes it is who ends it then. @internal */
export function boundedContext(parent: Context, due: number): CancelContext {
  return due < parent.due ? new CancelContext(parent, due, Number.NaN) : parent.withCancel();
}

/**
 * A child with a deadline `ms` from now. `keepAlive`: somebody awaits it, so the process must not end before.
 *
 * @internal
 */
export function deadlineContext(
  parent: Context,
  ms: number,
  cause: unknown,
  keepAlive: boolean,
  date: number = parent.clock.date() + ms,
): CancelContext {
  const due = parent.clock.now() + ms;
  // The parent's deadline comes first: it will end this one, too, with the parent's reason.
  if (!(due < parent.due)) return parent.withCancel();
  const context = new CancelContext(parent, due, date);
  if (context.cancellation === null) context.abortAfter(ms, cause, keepAlive);
  return context;
}
