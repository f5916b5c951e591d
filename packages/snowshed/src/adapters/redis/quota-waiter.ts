import type { QueueNode } from "../../concurrency/queue.ts";
import { CancelableWaiter } from "../../overload/cancelable-waiter.ts";
import { normalBand } from "../../overload/priority.ts";
import type { WaitHost } from "../../overload/cancelable-waiter.ts";
import type { RefundHost } from "./quota-permit.ts";
import { GrantedPermit } from "./quota-permit.ts";
import type { Grant } from "./quota-state.ts";
import type { RedisQuotaPermit } from "./redis-quota-options.ts";

/** A caller who waits for Redis, or for its turn. Resolved with its permit, or nothing. @internal */
export class QuotaWaiter extends CancelableWaiter implements QueueNode<QuotaWaiter> {
  declare before: QuotaWaiter | null;
  declare after: QuotaWaiter | null;
  readonly weight: number;
  readonly timeout: number;
  /** Is told that there is nothing by getting nothing, and not by an error. */
  readonly isQuiet: boolean;
  grant: Grant | null = null;
  readonly #host: RefundHost;

  constructor(
    host: WaitHost & RefundHost,
    since: number,
    isCancelable: boolean,
    resolve: (permit: RedisQuotaPermit | undefined) => void,
    reject: (error: unknown) => void,
    weight: number,
    timeout: number,
    isQuiet: boolean,
  ) {
    super(host, since, normalBand, isCancelable, resolve, reject);
    this.#host = host;
    this.weight = weight;
    this.timeout = timeout;
    this.isQuiet = isQuiet;
  }

  /** Goes now or not at all. */
  get isTry(): boolean {
    return this.timeout <= 0;
  }

  protected override get value(): RedisQuotaPermit | undefined {
    return this.grant === null ? undefined : new GrantedPermit(this.#host, this.grant);
  }
}
