import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import type { ErrorCode } from "../errors.ts";
import { SnowshedError } from "../errors.ts";

/** @internal */
export interface TransientErrorOptions extends ErrorOptions {
  readonly retryAfter?: Duration | undefined;
}

/** A failure that may pass. */
export class TransientError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_TRANSIENT";
  readonly retryAfter: number | undefined;

  constructor(message: string = "a transient failure", options?: TransientErrorOptions) {
    super("SNOWSHED_TRANSIENT", message, options);
    this.retryAfter = options?.retryAfter === undefined ? undefined : toMilliseconds(options.retryAfter, "retryAfter");
  }
}

/** A failure that another attempt cannot cure. */
export class FatalError extends SnowshedError {
  /** @internal */
  static override readonly kind: ErrorCode = "SNOWSHED_FATAL";

  constructor(message: string = "a fatal failure", options?: ErrorOptions) {
    super("SNOWSHED_FATAL", message, options);
  }
}
