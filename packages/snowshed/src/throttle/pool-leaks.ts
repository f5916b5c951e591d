import type { Clock } from "../clock.ts";
import { Queue } from "../concurrency/queue.ts";
import type { Lease } from "./pool-lease.ts";
import { Trace } from "./pool-lease.ts";

export interface PoolLeak<T> {
  readonly resource: T;
  /** For how many milliseconds it has been held. */
  readonly heldFor: number;
  /** Where it was acquired: the frames of the stack, one a line. */
  readonly acquiredAt: string;
  /** The permit is garbage, so nobody can release it: the resource was destroyed, and its place is free. */
  readonly forgotten: boolean;
}

/** At how short an interval a stack is captured, in milliseconds: at most a thousandth of the time goes into it. */
const traceInterval = 1;
/** How many places the default report remembers. */
const maxPlaces = 100;

/**
 * Knows who holds what, and reports who holds it for longer than `threshold`. One timer does for all: they are in the
 * order in which they began. It stays until it fires, held or not: setting and canceling one for each would be the
 * dearest part of an acquire.
 *
 * @internal
 */
export class LeakWatch<T> {
  readonly #threshold: number;
  readonly #onLeak: (leak: PoolLeak<T>) => void;
  readonly #clock: Clock;
  readonly #watched = new Queue<Lease<T>>();
  readonly #reported = new Queue<Lease<T>>();
  #cancelTimer: (() => void) | null = null;
  #lastTrace = Number.NEGATIVE_INFINITY;
  #tracesAll = false;
  #leaks = 0;

  constructor(threshold: number, onLeak: (leak: PoolLeak<T>) => void, clock: Clock) {
    this.#threshold = threshold;
    this.#onLeak = onLeak;
    this.#clock = clock;
  }

  /** How many are held. */
  get held(): number {
    return this.#watched.size + this.#reported.size;
  }

  /** How many were ever reported. */
  get leaks(): number {
    return this.#leaks;
  }

  /** The one that is held for the longest time. */
  get oldest(): Lease<T> | null {
    return this.#reported.head ?? this.#watched.head;
  }

  /** Where the program is, at most once in a {@link traceInterval}, until one leaks that was not looked at. */
  trace(at: number, below: (...args: never[]) => unknown): Trace | null {
    if (this.#threshold === Number.POSITIVE_INFINITY) return null;
    // Also when the clock was set back.
    if (!this.#tracesAll && Math.abs(at - this.#lastTrace) < traceInterval) return null;
    this.#lastTrace = at;
    return new Trace(below);
  }

  add(lease: Lease<T>): void {
    this.#watched.push(lease);
    if (this.#cancelTimer === null) this.#arm(this.#threshold);
  }

  remove(lease: Lease<T>): void {
    (lease.isReported ? this.#reported : this.#watched).remove(lease);
  }

  /** The permit of a lease that was removed is garbage. */
  forgotten(lease: Lease<T>): void {
    this.#report(lease, this.#clock.now(), true);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #arm(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#cancelTimer = this.#clock.setTimeout(() => this.#look(), ms, false);
  }

  #look(): void {
    this.#cancelTimer = null;
    const now = this.#clock.now();
    try {
      for (let lease = this.#watched.head; lease !== null; lease = this.#watched.head) {
        if (now - lease.since < this.#threshold) break;
        this.#watched.remove(lease);
        this.#reported.push(lease);
        lease.isReported = true;
        this.#report(lease, now, false);
      }
    } finally {
      // Also if the report throws: it is the user's. A clock that was set back makes no wait longer.
      const next = this.#watched.head;
      const left = next === null ? 0 : next.since + this.#threshold - now;
      if (next !== null && this.#cancelTimer === null) this.#arm(Math.min(Math.max(left, 1), this.#threshold));
    }
  }

  #report(lease: Lease<T>, now: number, isForgotten: boolean): void {
    this.#leaks++;
    // What leaks once leaks again: next time it is known where.
    this.#tracesAll ||= lease.trace === null;
    this.#onLeak({
      resource: lease.entry.resource,
      heldFor: Math.max(0, now - lease.since),
      acquiredAt: lease.trace?.frames ?? "not recorded this time: too many were acquired in this millisecond",
      forgotten: isForgotten,
    });
  }
}

/** Warns once for each place in the program, where the platform has a way to. @internal */
export function warnOfLeaks(name: string): (leak: PoolLeak<unknown>) => void {
  const places = new Set<string>();
  return ({ heldFor, acquiredAt, forgotten }) => {
    if (places.has(acquiredAt) || places.size >= maxPlaces) return;
    places.add(acquiredAt);
    const what = forgotten ? "was lost without release()" : "has not been released";
    const message = `a resource of ${name} ${what} after ${Math.round(heldFor)} ms; acquired\n${acquiredAt}`;
    const { process } = globalThis as { process?: { emitWarning?(warning: string, name: string): void } };
    process?.emitWarning?.(message, "SnowshedPoolLeak");
  };
}
