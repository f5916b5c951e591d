/** A holder or a waiter, as a server that processes share knows it. Times are milliseconds since the epoch, by its clock. */
export interface LockHolder {
  readonly id: string;
  readonly owner: string;
  readonly weight: number;
  readonly fences: readonly { readonly slot: number; readonly token: bigint }[];
  readonly since: number;
  /** Milliseconds. */
  readonly expiresIn: number;
}

export interface LockWaiter {
  readonly id: string;
  readonly owner: string;
  readonly weight: number;
  readonly since: number;
}

export interface LockState {
  readonly permits: number;
  readonly held: number;
  readonly queued: number;
  readonly holders: readonly LockHolder[];
  readonly waiters: readonly LockWaiter[];
}

/** A semaphore on a server. */
export interface Lock {
  readonly name: string;
  inspect(): Promise<LockState>;
  /** Takes the lease from its holder; false: there is no such holder any more. */
  releaseHolder(id: string): Promise<boolean>;
}

/** A server with semaphores. */
export interface LockSource {
  /** Where it is, without secrets. */
  readonly address: string;
  /** The names of all there are, in no order. */
  names(): Promise<readonly string[]>;
  exists(name: string): Promise<boolean>;
  lock(name: string): Lock;
  close(): Promise<void>;
}
