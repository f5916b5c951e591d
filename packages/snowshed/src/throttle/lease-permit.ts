import type { Context } from "../concurrency/context.ts";

/** What a resource checks: it keeps the largest token it has seen of each slot, and refuses smaller ones. */
export interface Fence {
  /** From 0 to `permits - 1`; while a permit is held, no other has its slot. */
  readonly slot: number;
  /** Grows with each grant of the slot. */
  readonly token: bigint;
}

/** A permit that a server lends for a time. It is renewed until it is given back, or the server cannot be reached. */
export interface LeasePermit extends AsyncDisposable {
  readonly weight: number;
  /** Aborts before the lease can have ended on the server; its `cause` has the code `SNOWSHED_LEASE_LOST` then. */
  readonly context: Context;
  /** Of its first slot, which is the only one when `weight` is 1. */
  readonly fence: Fence;
  /** One for each unit of weight. */
  readonly fences: readonly Fence[];
  /**
   * Gives it back; only the first call counts. Resolves when the server knows, or rejects with
   * `SNOWSHED_BACKEND_UNAVAILABLE`: it is over here in either case, and ends on the server with its lease.
   */
  release(): Promise<void>;
}
