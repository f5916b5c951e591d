import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Fence } from "./lease-permit.ts";

/** How a permit is asked for that a server lends. */
export interface LeaseAcquireOptions {
  /** Gives up when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up with `DeadlineExceededError` after so long a wait; 0: only what `tryPermit()` would give. Default: none. */
  readonly timeout?: Duration | undefined;
}

/** Who holds a semaphore that processes share. */
export interface LeaseHolder {
  /** Of this permit, for `releaseHolder()`. */
  readonly id: string;
  readonly owner: string;
  readonly weight: number;
  /** The first of `fences`. */
  readonly fence: Fence;
  readonly fences: readonly Fence[];
  readonly since: number;
  /** Milliseconds that are left of its lease. */
  readonly expiresIn: number;
}

/** Who waits for it. */
export interface LeaseWaiter {
  readonly id: string;
  readonly owner: string;
  readonly weight: number;
  readonly since: number;
}

/**
 * A semaphore that processes share, as the server knows it. `since` is in milliseconds since the epoch: by the clock of a
 * Redis server, and on etcd by that of whoever holds or waits.
 */
export interface LeaseInspection {
  readonly permits: number;
  /** Of `permits`: the larger one holds. */
  readonly version: number;
  /** Units. */
  readonly held: number;
  /** How many wait. */
  readonly queued: number;
  readonly holders: readonly LeaseHolder[];
  /** In the order in which they are served; on Redis the first thousand. */
  readonly waiters: readonly LeaseWaiter[];
}
