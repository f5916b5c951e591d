import type { LeaseInspection } from "snowshed/redis";

/** A semaphore on a server. */
export interface Lock {
  readonly name: string;
  inspect(): Promise<LeaseInspection>;
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
