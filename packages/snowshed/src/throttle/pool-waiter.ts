import type { WaitHost } from "../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import type { Expiring, ExpiryList } from "../overload/expiry.ts";
import type { Lease, Trace } from "./pool-lease.ts";

/** What a waiter tells its pool. */
interface PoolHost extends WaitHost {
  /** It has waited for as long as it may. */
  waitedTooLong(waiter: CancelableWaiter, ms: number): void;
}

/** One in the list of those who wait for equally long. */
class Expiry implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly list: ExpiryList;
  readonly #waiter: { expire(ms: number): void };

  constructor(list: ExpiryList, waiter: { expire(ms: number): void }) {
    this.list = list;
    this.#waiter = waiter;
  }

  expire(): void {
    this.#waiter.expire(this.list.ms);
  }
}

/** A caller that waits for a resource, and gets what `hand` makes of the lease. @internal */
export class PoolWaiter<T> extends CancelableWaiter {
  declare before: PoolWaiter<T> | null;
  declare after: PoolWaiter<T> | null;
  /** Where the caller is; null when nobody looked. */
  readonly trace: Trace | null;
  /** What it got. */
  lease: Lease<T> | null = null;
  readonly #host: PoolHost;
  readonly #hand: (lease: Lease<T>) => unknown;
  #expiry: Expiry | null = null;

  constructor(
    host: PoolHost,
    since: number,
    band: number,
    cancelable: boolean,
    hand: (lease: Lease<T>) => unknown,
    resolve: (handed: never) => void,
    reject: (error: unknown) => void,
    trace: Trace | null,
  ) {
    super(host, since, band, cancelable, resolve, reject);
    this.#host = host;
    this.#hand = hand;
    this.trace = trace;
  }

  /** A timer for each that waits would be the dearest part of a wait. */
  expireWith(list: ExpiryList): void {
    this.#expiry = new Expiry(list, this);
    list.add(this.#expiry, this.since);
  }

  expire(ms: number): void {
    this.#host.waitedTooLong(this, ms);
  }

  protected override get value(): unknown {
    return this.#hand(this.lease!);
  }

  protected override stopTimer(): void {
    super.stopTimer();
    this.#expiry?.list.remove(this.#expiry);
  }
}
