/**
 * What a limiter tells its algorithm about one admitted piece of work that has ended. The limiter may use one object
 * over and over: read it during the call, and do not keep it.
 */
export interface LimitSample {
  /** Milliseconds from admission to the end of the work; the wait in a queue before it is not part of it. */
  readonly latency: number;
  /** How many were in flight when it ended, itself included. */
  readonly inflight: number;
  /** The work ended because something was overloaded: a timeout, a 503. Other failures are no samples. */
  readonly dropped: boolean;
  /** When it ended, in milliseconds of the limiter's monotonic clock. */
  readonly at: number;
}

/**
 * Decides how much may run at once, from how the work went. It has no timer and no clock: time is what the samples say.
 */
export interface LimitAlgorithm {
  /** How many may be in flight now. Finite and at least 1; it may be a fraction, which the limiter rounds down. */
  readonly limit: number;
  /** Takes note of one piece of work. Called once for each that succeeded or was dropped, when it ends. */
  sample(sample: LimitSample): void;
}
