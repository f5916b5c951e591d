/**
 * Every `code` an error of this library can carry. A code never changes its meaning; each has a page in `docs/errors/`.
 */
export type ErrorCode =
  | "SNOWSHED_INVALID_ARGUMENT"
  | "SNOWSHED_CANCELED"
  | "SNOWSHED_DEADLINE_EXCEEDED"
  | "SNOWSHED_NEGATIVE_COUNTER"
  | "SNOWSHED_OVER_RELEASE"
  | "SNOWSHED_NEVER_FITS"
  | "SNOWSHED_NO_OWNER"
  | "SNOWSHED_CHANNEL_CLOSED"
  | "SNOWSHED_GROUP_CLOSED"
  | "SNOWSHED_TASK_NOT_FULFILLED"
  | "SNOWSHED_TRANSIENT"
  | "SNOWSHED_FATAL"
  | "SNOWSHED_CLASSIFIER_FAILED"
  | "SNOWSHED_LIMIT_EXCEEDED"
  | "SNOWSHED_CIRCUIT_OPEN"
  | "SNOWSHED_FALLBACK_FAILED"
  | "SNOWSHED_POOL_CLOSED"
  | "SNOWSHED_BACKEND_UNAVAILABLE"
  | "SNOWSHED_LEASE_LOST"
  | "SNOWSHED_REPLICATION_FAILED"
  | "SNOWSHED_NO_IDENTITY"
  | "SNOWSHED_EVENT_EXPIRED"
  | "SNOWSHED_LISTEN_FAILED"
  | "SNOWSHED_LEAK_FOUND";

const brand = Symbol.for("snowshed.error");

/**
 * The base of the errors this library throws, apart from argument errors, which are native `RangeError`s and
 * `TypeError`s with `code: "SNOWSHED_INVALID_ARGUMENT"`.
 *
 * `instanceof` also recognises errors made by another copy of the package in the same process.
 *
 * @example
 * ```ts
 * import { Semaphore, SnowshedError } from "snowshed";
 *
 * try {
 *   new Semaphore(1).release();
 * } catch (error) {
 *   if (error instanceof SnowshedError) console.log(error.code); // SNOWSHED_OVER_RELEASE
 * }
 * ```
 */
export class SnowshedError extends Error {
  /** Stable and documented: what programs compare, where messages are for people. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** What `instanceof` compares across copies of the package. @internal */
  static readonly kind: ErrorCode | "any" = "any";

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass written by a user has no kind of its own: for it the prototype chain decides, as usual.
    if (!Object.hasOwn(this, "kind")) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (typeof value !== "object" || value === null || !(brand in value)) return false;
    return this.kind === "any" || (value as { code?: unknown }).code === this.kind;
  }
}

/**
 * The work was canceled: by `cancel()`, by the end of its scope, or by a foreign `AbortSignal`. `cause` is what was
 * given as the reason, if anything was. Its `name` is `"AbortError"`, so existing checks for aborted work hold.
 *
 * @example
 * ```ts
 * import { CanceledError, Context } from "snowshed";
 *
 * const context = Context.background.withCancel();
 * context.cancel("shutting down");
 * await context.sleep("1s").catch((error: unknown) => {
 *   if (error instanceof CanceledError) console.log(error.name, error.cause); // AbortError shutting down
 * });
 * ```
 */
export class CanceledError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_CANCELED";

  constructor(message: string = "the operation was canceled", options?: ErrorOptions) {
    super("SNOWSHED_CANCELED", message, options);
  }
}

/**
 * A deadline or a timeout passed. `cause` is what was given to `withTimeout` or `withDeadline`, or the foreign
 * `TimeoutError`. Its `name` is `"TimeoutError"`, as that of `AbortSignal.timeout()`.
 *
 * @example
 * ```ts
 * import { DeadlineExceededError, Semaphore } from "snowshed";
 *
 * const full = new Semaphore(1);
 * await full.acquire();
 * await full.acquire(1, { timeout: "10ms" }).catch((error: unknown) => {
 *   console.log(error instanceof DeadlineExceededError); // true
 * });
 * ```
 */
export class DeadlineExceededError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_DEADLINE_EXCEEDED";

  constructor(message: string = "the deadline was exceeded", options?: ErrorOptions) {
    super("SNOWSHED_DEADLINE_EXCEEDED", message, options);
  }
}

// On the prototypes, as the platform's own errors have them: an instance stays free of own fields that never differ.
for (const [errorClass, name] of [
  [SnowshedError, "SnowshedError"],
  [CanceledError, "AbortError"],
  [DeadlineExceededError, "TimeoutError"],
] as const) {
  Object.defineProperty(errorClass.prototype, "name", { value: name, writable: true, configurable: true });
}
Object.defineProperty(SnowshedError.prototype, brand, { value: true });

/**
 * What a foreign abort reason becomes: itself when it already is one of ours, `DeadlineExceededError` when it is a
 * `TimeoutError`, else `CanceledError`; the original is the `cause`.
 *
 * @internal
 */
export function toCancellation(reason: unknown): CanceledError | DeadlineExceededError {
  if (reason instanceof CanceledError || reason instanceof DeadlineExceededError) return reason;
  return (reason as Error | undefined)?.name === "TimeoutError"
    ? new DeadlineExceededError(undefined, { cause: reason })
    : new CanceledError(undefined, { cause: reason });
}

/** @internal */
export function invalidArgument(
  NativeError: RangeErrorConstructor | TypeErrorConstructor,
  name: string,
  expected: string,
  received: unknown,
): Error {
  const error = new NativeError(`${name} must be ${expected}; received ${show(received)} (${typeof received})`);
  return Object.assign(error, { code: "SNOWSHED_INVALID_ARGUMENT" });
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  try {
    return String(value);
  } catch {
    // An object without a usable toString(): the error must still be ours, not that one's.
    return Object.prototype.toString.call(value);
  }
}

/** Checks a count or weight: an integer in [minimum, 2^53), or `Infinity` where `infinite` says so. @internal */
export function checkInteger(value: unknown, name: string, minimum: number, infinite: boolean = false): void {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return;
  if (infinite && value === Number.POSITIVE_INFINITY) return;
  throw invalidArgument(
    typeof value === "number" ? RangeError : TypeError,
    name,
    `an integer of at least ${minimum}${infinite ? ", or Infinity" : ""}`,
    value,
  );
}

/** Checks that `value` can be called. @internal */
export function checkFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw invalidArgument(TypeError, name, "a function", value);
}

/** Checks that `value` can be iterated, synchronously or not. @internal */
export function checkIterable(value: unknown, name: string): void {
  const source = Object(value) as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = source;
  if (typeof (asynchronous ?? synchronous) !== "function") throw invalidArgument(TypeError, name, "iterable", value);
}
