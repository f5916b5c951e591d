import type { QueueNode } from "../../concurrency/queue.ts";
import type { WaitHost } from "../../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../../overload/cancelable-waiter.ts";
import { normalBand } from "../../overload/priority.ts";
import type { Grant } from "./quota-state.ts";

/** A caller who waits for Redis, or for its turn. Resolved with what it may spend, or nothing. @internal */
export class QuotaWaiter extends CancelableWaiter implements QueueNode<QuotaWaiter> {
  declare before: QuotaWaiter | null;
  declare after: QuotaWaiter | null;
  readonly weight: number;
  readonly timeout: number;
  /** Is told that there is nothing by getting nothing, and not by an error. */
  readonly isQuiet: boolean;
  grant: Grant | null = null;

  constructor(
    host: WaitHost,
    since: number,
    isCancelable: boolean,
    resolve: (grant: Grant | null) => void,
    reject: (error: unknown) => void,
    weight: number,
    timeout: number,
    isQuiet: boolean,
  ) {
    super(host, since, normalBand, isCancelable, resolve, reject);
    this.weight = weight;
    this.timeout = timeout;
    this.isQuiet = isQuiet;
  }

  /** Goes now or not at all. */
  get isTry(): boolean {
    return this.timeout <= 0;
  }

  protected override get value(): Grant | null {
    return this.grant;
  }
}
