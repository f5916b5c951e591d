import type { QueueNode } from "../concurrency/queue.ts";
import { Queue } from "../concurrency/queue.ts";
import type { WaitHost } from "../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../overload/cancelable-waiter.ts";
import { bands } from "../overload/priority.ts";

/** Those who wait: the more important first, in the order they came. @internal */
export class WaitingLine<Waiter extends QueueNode<Waiter> & { readonly band: number }> {
  size = 0;
  /** By band; none until somebody waits. */
  #queues: readonly Queue<Waiter>[] = [];

  /** Who goes first, of `band` and those more important. */
  firstOf(band: number): Waiter | null {
    if (this.size === 0) return null;
    for (let each = 0; each <= band; each++) {
      const { head } = this.#queues[each]!;
      if (head !== null) return head;
    }
    return null;
  }

  get first(): Waiter | null {
    return this.firstOf(bands.length - 1);
  }

  /** Who goes last, of those less important than `band`. */
  lastBelow(band: number): Waiter | null {
    if (this.size === 0) return null;
    for (let below = bands.length - 1; below > band; below--) {
      const { tail } = this.#queues[below]!;
      if (tail !== null) return tail;
    }
    return null;
  }

  push(waiter: Waiter): void {
    if (this.#queues.length === 0) this.#queues = bands.map(() => new Queue<Waiter>());
    this.#queues[waiter.band]!.push(waiter);
    this.size++;
  }

  remove(waiter: Waiter): void {
    this.#queues[waiter.band]!.remove(waiter);
    this.size--;
  }
}

/** A caller that waits for several units at once. @internal */
export class WeightedWaiter extends CancelableWaiter {
  declare before: WeightedWaiter | null;
  declare after: WeightedWaiter | null;
  readonly weight: number;

  constructor(
    host: WaitHost,
    since: number,
    band: number,
    cancelable: boolean,
    resolve: () => void,
    reject: (error: unknown) => void,
    weight: number,
  ) {
    super(host, since, band, cancelable, resolve, reject);
    this.weight = weight;
  }
}
