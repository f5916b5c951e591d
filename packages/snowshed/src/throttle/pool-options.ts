import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Priority } from "../overload/priority.ts";
import type { PoolLeak } from "./pool-leaks.ts";

export interface PoolOptions<T> {
  /**
   * Makes a resource, each time another one. It is waited for as long as `acquireTimeout`, then `context` is aborted, the
   * call counts as failed, and what it returns after that is destroyed.
   */
  readonly create: (context: Context) => T | PromiseLike<T>;
  /**
   * Ends a resource; `broken`: it may not be fit for an orderly end. Its place is free when this has ended, either way, or
   * after 3 s. Default: nothing is done.
   */
  readonly destroy?: ((resource: T, broken: boolean) => unknown) | undefined;
  /**
   * Whether a resource that lay idle is fit for use; one for which it is false, or fails, or takes longer than
   * `acquireTimeout`, is destroyed. Default: all are.
   */
  readonly validate?: ((resource: T) => boolean | PromiseLike<boolean>) | undefined;
  /** Of `run()`: whether a task that failed with `error` has left its resource broken. Default: see {@link Pool.run}. */
  readonly isBroken?: ((error: unknown) => boolean) | undefined;
  /** How many there may be, those that are being made or destroyed included: an integer of at least 1. Default: 20. */
  readonly max?: number | undefined;
  /** How many are kept, from the beginning: an integer of at least 0, at most `max`. Default: 0. */
  readonly min?: number | undefined;
  /** How long a caller waits in all: for its turn, `create` and `validate`. Default: 3 s. */
  readonly acquireTimeout?: Duration | undefined;
  /** How many may wait beyond those for whom there is a place: an integer of at least 0, or `Infinity`. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /** After how long without use one is destroyed, down to `min`. Default: 30 s. */
  readonly idleTimeout?: Duration | undefined;
  /**
   * After how long one is destroyed when it is not held; up to a tenth earlier, by chance, so that those made together do
   * not go together. Default: 30 min.
   */
  readonly maxAge?: Duration | undefined;
  /** Held for longer than this is reported as a leak. `Infinity`: not looked for. Default: 60 s. */
  readonly leakThreshold?: Duration | undefined;
  /** Told of each leak once. Default: a process warning for each place in the program. */
  readonly onLeak?: ((leak: PoolLeak<T>) => void) | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
  /** Whether a resource that is given back is kept for the next one. Default: `true`. @internal */
  readonly reuse?: boolean | undefined;
}

export interface PoolAcquireOptions {
  /** Ends the wait when it aborts. One that is aborted already refuses, also when there is an idle resource. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up after so long; 0: only what `tryPermit()` would give. Default: the `acquireTimeout` of the pool. */
  readonly timeout?: Duration | undefined;
  /** Default: `"normal"`. The more important go first. */
  readonly priority?: Priority | undefined;
}

export interface PoolInspection {
  readonly name: string | undefined;
  readonly max: number;
  readonly min: number;
  /** How many there are: the five below, together. */
  readonly size: number;
  readonly idle: number;
  readonly held: number;
  readonly creating: number;
  readonly validating: number;
  readonly destroying: number;
  /** How many callers wait. */
  readonly pending: number;
  /** For how many milliseconds the one that is held for the longest time has been held; 0: none is. */
  readonly longestHeld: number;
  /** How many were ever made, and how often it failed. */
  readonly created: number;
  readonly createFailures: number;
  /** How many were ever given up as broken or not valid. */
  readonly broken: number;
  /** How many callers were ever refused: there was no place to wait, or it took too long. */
  readonly refused: number;
  /** How many leaks were ever reported. */
  readonly leaks: number;
  /** What `create`, `validate` or `destroy` failed with last, or what a resource was given up as broken for. */
  readonly lastError: unknown;
}
