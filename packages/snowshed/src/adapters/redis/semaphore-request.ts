import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { WaitHost } from "../../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../../overload/cancelable-waiter.ts";
import type { ExpiryList } from "../../overload/expiry.ts";
import { normalBand } from "../../overload/priority.ts";
import { Bound } from "./bound.ts";
import type { HeldLease, LeaseOwner } from "./semaphore-lease.ts";
import type { ReplicaCheck } from "./semaphore-replicas.ts";

/** Whom a request is made to. */
interface RequestHost extends WaitHost {
  /** The time of its caller is over, or that for an answer. */
  timedOut(request: SemaphoreRequest): void;
}

/** Somebody who asked the server for a permit. @internal */
export class SemaphoreRequest extends CancelableWaiter {
  declare before: SemaphoreRequest | null;
  declare after: SemaphoreRequest | null;
  readonly id: string;
  readonly weight: number;
  /** What the server keeps of it besides the id. */
  readonly rest: string;
  /** Only if there is room. */
  readonly isTry: boolean;
  readonly timeout: number;
  readonly holder: LeaseOwner;
  readonly parent: Context;
  readonly replicas: ReplicaCheck | null;
  sentAt = 0;
  sentDate = 0;
  /** The server has put it in its queue. */
  isQueued = false;
  /** It was refused, or its caller went away. */
  isOver = false;
  lease: HeldLease | null = null;
  readonly #host: RequestHost;
  #bound: Bound | null = null;
  #bounds: ExpiryList | null = null;

  constructor(
    host: RequestHost,
    since: number,
    cancelable: boolean,
    resolve: (lease: never) => void,
    reject: (error: unknown) => void,
    id: string,
    weight: number,
    rest: string,
    isTry: boolean,
    timeout: number,
    holder: LeaseOwner,
    parent: Context,
    replicas: ReplicaCheck | null,
  ) {
    super(host, since, normalBand, cancelable, resolve, reject);
    this.#host = host;
    this.id = id;
    this.weight = weight;
    this.rest = rest;
    this.isTry = isTry;
    this.timeout = timeout;
    this.holder = holder;
    this.parent = parent;
    this.replicas = replicas;
  }

  /** Until it is answered, its time is that of `list`. */
  expireWith(list: ExpiryList, at: number): void {
    this.answered();
    this.#bounds = list;
    this.#bound ??= new Bound(() => this.#host.timedOut(this));
    list.add(this.#bound, at);
  }

  /** Without asking the server: the time is all that can end it. */
  waitHere(clock: Clock): void {
    this.isQueued = true;
    if (this.timeout === Number.POSITIVE_INFINITY) return;
    const left = this.since + this.timeout - clock.now();
    this.cancelTimer = clock.setTimeout(() => this.#host.timedOut(this), left);
  }

  answered(): void {
    if (this.#bound !== null) this.#bounds!.remove(this.#bound);
  }

  override refuse(error: unknown): void {
    this.isOver = true;
    super.refuse(error);
  }

  protected override get value(): HeldLease | undefined {
    return this.lease ?? undefined;
  }

  protected override stopTimer(): void {
    super.stopTimer();
    this.answered();
  }
}
