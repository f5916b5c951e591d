import type { Clock } from "../../clock.ts";
import { CancelContext } from "../../concurrency/context.ts";
import type { Context } from "../../concurrency/context.ts";
import { SnowshedError } from "../../errors.ts";
import type { Fence, LeasePermit } from "../../throttle/lease-permit.ts";

/** Whom a lease is given back to. */
interface LeaseHost {
  readonly clock: Clock;
  release(lease: HeldLease): Promise<void>;
  /** It noticed itself that its time is over. */
  overdue(lease: HeldLease): void;
}

/** Whose permit it is: counts what it holds. @internal */
export interface LeaseOwner {
  readonly name: string;
  /** How many leases were lost. */
  lost: number;
  began(weight: number): void;
  ended(weight: number): void;
}

/** As the server says it. @internal */
export type Token = string | number;

/** Slots as the server writes them. @internal */
export function fencesOf(slots: string, token: Token): readonly Fence[] {
  return slots.split(",").map((slot) => ({ slot: Number(slot), token: BigInt(token) }));
}

/**
 * How long a lease of `ms` is counted on, from the moment of sending: a hundredth less, for clocks that run at different
 * speeds, and at least 2 ms, since the server counts in whole ones.
 */
const certain = (ms: number): number => ms - Math.max(2, ms / 100);

/** A lease that is held, and is renewed until it is released or lost. @internal */
export class HeldLease implements LeasePermit {
  readonly id: string;
  readonly weight: number;
  readonly holder: LeaseOwner;
  /** By the monotonic clock, and by the date, which goes on while a machine sleeps: the earlier counts. */
  validUntil = 0;
  #validDate = 0;
  readonly #host: LeaseHost;
  readonly #slots: string;
  readonly #token: Token;
  readonly #parent: Context;
  #fences: readonly Fence[] | null = null;
  #context: LeaseContext | null = null;
  #released: Promise<void> | null = null;
  #lost: SnowshedError | null = null;
  /** The server said so: there is nothing to give back. */
  isGone = false;
  /** When the server granted it, at the latest; and how often it went from hand to hand in this process since. */
  since = 0;
  passes = 0;
  /** Nobody has it: it is kept for the next one. */
  isIdle = false;

  constructor(
    host: LeaseHost,
    holder: LeaseOwner,
    id: string,
    weight: number,
    slots: string,
    token: Token,
    parent: Context,
  ) {
    this.#host = host;
    this.holder = holder;
    this.id = id;
    this.weight = weight;
    this.#slots = slots;
    this.#token = token;
    this.#parent = parent;
  }

  get fences(): readonly Fence[] {
    return (this.#fences ??= fencesOf(this.#slots, this.#token));
  }

  get fence(): Fence {
    return this.fences[0]!;
  }

  get context(): Context {
    if (this.#context === null) {
      this.#context = new LeaseContext(this.#parent, this);
      if (this.#lost !== null) this.#context.cancel(this.#lost);
      else if (this.#released !== null) this.#context.cancel();
    }
    return this.#context;
  }

  get lost(): SnowshedError | null {
    return this.#lost;
  }

  /** The same lease in other hands, with the next of the tokens that are kept for it. */
  passedTo(holder: LeaseOwner, parent: Context): HeldLease {
    const token = String(BigInt(this.#token) + 1n);
    const next = new HeldLease(this.#host, holder, this.id, this.weight, this.#slots, token, parent);
    next.validUntil = this.validUntil;
    next.#validDate = this.#validDate;
    next.since = this.since;
    next.passes = this.passes + 1;
    return next;
  }

  release(): Promise<void> {
    if (this.#released === null) {
      this.#released = this.#host.release(this);
      this.#context?.cancel();
    }
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** From a command that was sent at `at`, when the date was `date`, and made it last `ms` from then at least. */
  extend(at: number, date: number, ms: number): void {
    if (at + certain(ms) <= this.validUntil) return;
    this.validUntil = at + certain(ms);
    this.#validDate = date + ms;
  }

  /** Ends it if its time is over, without waiting for a timer that a busy or stopped process calls late. */
  check(): void {
    if (this.#lost !== null || this.#released !== null) return;
    const { clock } = this.#host;
    if (clock.now() >= this.validUntil || clock.date() >= this.#validDate) this.#host.overdue(this);
  }

  lose(why: string, cause?: unknown): void {
    if (this.#lost !== null || this.#released !== null) return;
    const message = `a lease of the semaphore "${this.holder.name}" ${why}`;
    this.#lost = new SnowshedError("SNOWSHED_LEASE_LOST", message, cause === undefined ? undefined : { cause });
    this.holder.lost++;
    this.#context?.cancel(this.#lost);
  }
}

class LeaseContext extends CancelContext {
  readonly #lease: HeldLease;

  constructor(parent: Context, lease: HeldLease) {
    super(parent, parent.due, parent.due === Number.POSITIVE_INFINITY ? parent.due : Number.NaN);
    this.#lease = lease;
  }

  override get isAborted(): boolean {
    if (this.cancellation === null) this.#lease.check();
    return this.cancellation !== null;
  }
}
