import type { WaitHost } from "../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import type { Lease, Trace } from "./pool-lease.ts";

/** A caller that waits for a resource. @internal */
export class PoolWaiter<T> extends CancelableWaiter {
  declare before: PoolWaiter<T> | null;
  declare after: PoolWaiter<T> | null;
  /** Where the caller is; null when nobody looked. */
  readonly trace: Trace | null;
  /** What it got. */
  lease: Lease<T> | null = null;

  constructor(
    host: WaitHost,
    since: number,
    band: number,
    cancelable: boolean,
    resolve: (lease: Lease<T>) => void,
    reject: (error: unknown) => void,
    trace: Trace | null,
  ) {
    super(host, since, band, cancelable, () => resolve(this.lease!), reject);
    this.trace = trace;
  }
}
