import { Queue } from "../concurrency/queue.ts";
import type { WaitHost } from "../overload/limiter-queue.ts";
import { LimitWaiter } from "../overload/limiter-queue.ts";
import { bands } from "../overload/priority.ts";
import type { Lease, Trace } from "./pool-lease.ts";

/** A caller that waits for a resource. @internal */
export class PoolWaiter<T> extends LimitWaiter {
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

/** Those who wait: the more important first, in the order they came. @internal */
export class PoolLine<T> {
  size = 0;
  readonly #queues: readonly Queue<PoolWaiter<T>>[] = bands.map(() => new Queue<PoolWaiter<T>>());

  get first(): PoolWaiter<T> | null {
    for (const queue of this.#queues) if (queue.head !== null) return queue.head;
    return null;
  }

  /** Who goes last, of those less important than `band`. */
  lastBelow(band: number): PoolWaiter<T> | null {
    for (let below = bands.length - 1; below > band; below--) {
      const { tail } = this.#queues[below]!;
      if (tail !== null) return tail;
    }
    return null;
  }

  push(waiter: PoolWaiter<T>): void {
    this.#queues[waiter.band]!.push(waiter);
    this.size++;
  }

  remove(waiter: PoolWaiter<T>): void {
    this.#queues[waiter.band]!.remove(waiter);
    this.size--;
  }
}
