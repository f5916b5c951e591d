import type { Clock } from "../clock.ts";
import { Queue } from "../concurrency/queue.ts";
import type { Lease } from "./pool-lease.ts";
import { letGo, Trace } from "./pool-lease.ts";

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
/** For how long a lease is young, in milliseconds: for a second or so nobody looks whether its permit is garbage. */
const youth = 1000;
/** How many places the default report remembers. */
const maxPlaces = 100;

/**
 * Knows who holds what, and reports who holds it for longer than `threshold`, or has lost it. One timer does for all:
 * they are in the order in which they began. It stays until it fires, held or not: setting and canceling one for each
 * would be the dearest part of an acquire.
 *
 * @internal
 */
export class LeakWatch<T> {
  readonly #threshold: number;
  readonly #onLeak: (leak: PoolLeak<T>) => void;
  readonly #clock: Clock;
  readonly #stages = {
    young: new Queue<Lease<T>>(),
    watched: new Queue<Lease<T>>(),
    reported: new Queue<Lease<T>>(),
  };
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
    const { young, watched, reported } = this.#stages;
    return young.size + watched.size + reported.size;
  }

  /** How many were ever reported. */
  get leaks(): number {
    return this.#leaks;
  }

  /** The one that is held for the longest time. */
  get oldest(): Lease<T> | null {
    const { young, watched, reported } = this.#stages;
    return reported.head ?? watched.head ?? young.head;
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
    this.#stages.young.push(lease);
    this.#cancelTimer ??= this.#arm(Math.min(youth, this.#threshold));
  }

  remove(lease: Lease<T>): void {
    this.#stages[lease.stage].remove(lease);
  }

  /** The permit of a lease that was removed is garbage. */
  forgotten(lease: Lease<T>): void {
    this.#report(lease, this.#clock.now(), true);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #arm(ms: number): () => void {
    return this.#clock.setTimeout(() => this.#look(), ms, false);
  }

  #look(): void {
    this.#cancelTimer = null;
    const { young, watched } = this.#stages;
    const now = this.#clock.now();
    for (let lease = young.head; lease !== null && age(lease, now) >= youth; lease = young.head) {
      this.#move(lease, "watched");
      letGo(lease);
    }
    try {
      for (let lease = this.#late(now); lease !== null; lease = this.#late(now)) {
        this.#move(lease, "reported");
        letGo(lease);
        this.#report(lease, now, false);
      }
    } finally {
      // Also if the report throws: it is the user's.
      const untilOld = young.head === null ? Number.POSITIVE_INFINITY : youth - age(young.head, now);
      const next = watched.head ?? young.head;
      const untilLate = next === null ? Number.POSITIVE_INFINITY : this.#threshold - age(next, now);
      const left = Math.max(1, Math.min(untilOld, untilLate));
      if (left !== Number.POSITIVE_INFINITY) this.#cancelTimer ??= this.#arm(left);
    }
  }

  /** One that is held too long. */
  #late(now: number): Lease<T> | null {
    const lease = this.#stages.watched.head ?? this.#stages.young.head;
    return lease !== null && age(lease, now) >= this.#threshold ? lease : null;
  }

  #move(lease: Lease<T>, stage: Lease<T>["stage"]): void {
    this.remove(lease);
    lease.stage = stage;
    this.#stages[stage].push(lease);
  }

  #report(lease: Lease<T>, now: number, isForgotten: boolean): void {
    this.#leaks++;
    // What leaks once leaks again: next time it is known where.
    this.#tracesAll ||= lease.trace === null;
    const isOff = this.#threshold === Number.POSITIVE_INFINITY;
    const why = isOff ? "leakThreshold is Infinity" : "too many were acquired in this millisecond";
    this.#onLeak({
      resource: lease.entry.resource,
      heldFor: age(lease, now),
      acquiredAt: lease.trace?.frames ?? `not recorded this time: ${why}`,
      forgotten: isForgotten,
    });
  }
}

/** Of a lease, in milliseconds. One that began before the clock was set back begins again. */
function age<T>(lease: Lease<T>, now: number): number {
  lease.since = Math.min(lease.since, now);
  return now - lease.since;
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
