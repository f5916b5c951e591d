import type { Duration } from "../duration.ts";
import { toMillisecondsInRange } from "../duration.ts";
import type { ErrorCode } from "../errors.ts";
import { SnowshedError } from "../errors.ts";

/**
 * A failure that may pass: thrown by code that knows better than the table of `classify()`. It is retried, and counts as
 * a failure for a circuit breaker.
 *
 * `options.retryAfter`, a duration of at least 0, is the least wait before another attempt.
 *
 * @example
 * ```ts
 * import { classify, TransientError } from "snowshed";
 *
 * const error = new TransientError("the report is not ready", { retryAfter: "2s" });
 * console.log(classify(error), error.retryAfter, error.code); // transient 2000 SNOWSHED_TRANSIENT
 * ```
 */
export class TransientError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_TRANSIENT";
  /** Milliseconds. */
  readonly retryAfter?: number;

  constructor(
    message: string = "a transient failure",
    options?: ErrorOptions & { readonly retryAfter?: Duration | undefined },
  ) {
    super("SNOWSHED_TRANSIENT", message, options);
    if (options?.retryAfter === undefined) return;
    this.retryAfter = toMillisecondsInRange(options.retryAfter, "retryAfter", 0);
  }
}

/**
 * A failure that no other attempt can cure. It is never retried, and says nothing about the health of what was called.
 *
 * @example
 * ```ts
 * import { FatalError, Group, isFatal } from "snowshed";
 *
 * const group = new Group({ failFast: isFatal });
 * group.go(() => {
 *   throw new FatalError("the schema does not match");
 * });
 * await group.wait().catch((error: unknown) => console.log(String(error))); // FatalError: the schema does not match
 * ```
 */
export class FatalError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_FATAL";

  constructor(message: string = "a fatal failure", options?: ErrorOptions) {
    super("SNOWSHED_FATAL", message, options);
  }
}

for (const [errorClass, name] of [
  [TransientError, "TransientError"],
  [FatalError, "FatalError"],
] as const) {
  Object.defineProperty(errorClass.prototype, "name", { value: name, writable: true, configurable: true });
}
