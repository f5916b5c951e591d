import type { Context } from "../../concurrency/context.ts";
import { CancelContext } from "../../concurrency/context.ts";
import type { SnowshedError } from "../../errors.ts";
import type { WaitHost } from "../../overload/cancelable-waiter.ts";
import { CancelableWaiter } from "../../overload/cancelable-waiter.ts";
import { normalBand } from "../../overload/priority.ts";
import type { Fence, LeasePermit } from "../../throttle/lease-permit.ts";
import type { EtcdSession } from "./etcd-session.ts";

/** A place of this process: one key, from the request that puts it there to the one that takes it away. @internal */
export class OwnPlace {
  readonly id: string;
  readonly weight: number;
  readonly session: EtcdSession;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /**
   * "sent": the request that puts it there is under way. "claiming": its turn has come, and the request that claims its
   * slots is under way. "left": nobody wants it any more, but its keys may still be there.
   */
  state: "sent" | "waiting" | "claiming" | "held" | "left" = "sent";
  /** A request is under way that may put a key of it there. */
  isUnsettled = false;
  /** Known as soon as it is no longer "sent". */
  createRevision = 0n;
  /** Those it holds or claims. */
  slots: readonly number[] = [];
  waiter: PlaceWaiter | null;
  permit: EtcdPermit | null = null;
  /** When it was granted. */
  granted: number | undefined = undefined;
  readonly proposal: string | undefined;

  constructor(id: string, weight: number, session: EtcdSession, since: number, waiter: PlaceWaiter | null) {
    this.id = id;
    this.weight = weight;
    this.session = session;
    this.since = since;
    this.waiter = waiter;
    this.proposal = waiter?.proposal;
  }

  get lease(): bigint {
    return this.session.lease;
  }
}

/** A caller that waits for permits. @internal */
export class PlaceWaiter extends CancelableWaiter {
  readonly weight: number;
  readonly proposal: string | undefined;
  /** Of the context of the permit. */
  readonly parent: Context;
  place: OwnPlace | null = null;
  permit: EtcdPermit | null = null;
  /** When the server must have heard of it, by the clock's `now()`. */
  contactBy = 0;

  constructor(
    host: WaitHost,
    weight: number,
    proposal: string | undefined,
    parent: Context,
    since: number,
    cancelable: boolean,
    resolve: (permit: EtcdPermit) => void,
    reject: (error: unknown) => void,
  ) {
    super(host, since, normalBand, cancelable, resolve, reject);
    this.weight = weight;
    this.proposal = proposal;
    this.parent = parent;
  }

  protected override get value(): EtcdPermit | null {
    return this.permit;
  }
}

const nothing: Promise<void> = Promise.resolve();

/** Whom a permit is given back to. */
interface PermitOwner {
  giveBack(permit: EtcdPermit): Promise<void>;
}

/** @internal */
export class EtcdPermit implements LeasePermit {
  readonly weight: number;
  readonly context: Context;
  readonly fences: readonly Fence[];
  readonly place: OwnPlace;
  readonly #context: CancelContext;
  readonly #owner: PermitOwner;
  #released: Promise<void> | null = null;

  constructor(owner: PermitOwner, place: OwnPlace, parent: Context, fences: readonly Fence[]) {
    this.#owner = owner;
    this.place = place;
    this.weight = place.weight;
    this.fences = fences;
    this.#context = new LeaseContext(parent, place.session);
    this.context = this.#context;
  }

  get fence(): Fence {
    return this.fences[0]!;
  }

  release(): Promise<void> {
    if (this.#released === null) {
      this.#released = this.#owner.giveBack(this);
      this.#context.cancel();
    }
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** There is nothing left to give back. */
  lose(error: SnowshedError): void {
    this.#released ??= nothing;
    this.#context.cancel(error);
  }
}

/** A context that looks at the clock when it is asked: a timer alone comes late in a process that was stopped. @internal */
export class LeaseContext extends CancelContext {
  readonly #session: EtcdSession;

  constructor(parent: Context, session: EtcdSession) {
    super(parent, parent.due, parent.dueDate);
    this.#session = session;
  }

  override get isAborted(): boolean {
    // When that is over it cancels all that hangs on it, this one included.
    if (this.cancellation === null) void this.#session.isLive;
    return this.cancellation !== null;
  }
}
