import { Queue } from "../concurrency/queue.ts";
import type { CancelableWaiter } from "./cancelable-waiter.ts";
import { bands } from "./priority.ts";

/**
 * Over what wait a queue is too slow, in milliseconds: 20, as in "Fail at Scale" and DAGOR, or so many times the usual
 * latency. Where one piece of work takes 50 ms, no place need be free sooner, and 20 ms of waiting mean nothing.
 */
const leastTarget = 20;
const mostTarget = 100;
const latencies = 2;
/**
 * Nobody is told later than this that a queue over target will not serve it, if so many are left: places that come free
 * in quick succession must each find somebody.
 */
const latestRefusal = 40;
const enough = 10;
/**
 * Where work takes so long that the target follows it, few places come free in an interval, and a chance crowd looks like
 * an overload: with fewer in it, it must have been so for more intervals.
 */
const crowd = 16;
const more = 8;
/** For how long it must be so: as many times the target. */
const leastInterval = 100;
/** Over about how many the usual latency is a mean. */
const memory = 64;

/**
 * Those who wait for a place in a limiter: a list for each band, the more important first. It decides who is next and
 * who has waited too long; that places are counted right is the limiter's part.
 *
 * Too long is what CoDel says (Nichols and Jacobson, "Controlling Queue Delay", 2012) in the form for servers (Maurer,
 * "Fail at Scale", 2015): a queue that is now and then long is harmless, one that never gets short is of no use to
 * anybody. While the oldest of a band has been over `target` at every look for an `interval`, the band is over target:
 * then all older than `target` are shed (where it is not given, all but ten are after 40 ms), and the newest goes first,
 * since it is the likeliest to be still in time. It ends when no wait over target was seen for an interval.
 *
 * There is a look whenever somebody comes or a place frees: between those nothing could be decided differently, but
 * that a waiter is refused earlier. So it takes no timer.
 *
 * @internal
 */
export class LimiterQueue {
  size = 0;
  readonly #bands: readonly Band[] = bands.map(() => new Band());
  #target: number;
  #interval: number;
  readonly #followsTarget: boolean;
  readonly #followsInterval: boolean;
  /** Mean of the latest latencies, and how many there were. */
  #usual = 0;
  #learned = 0;

  /** What is not given follows how long work takes. */
  constructor(target: number | undefined, interval: number | undefined) {
    this.#target = target ?? leastTarget;
    this.#interval = interval ?? leastInterval;
    this.#followsTarget = target === undefined;
    this.#followsInterval = interval === undefined;
  }

  /** The target of a band that is over it, while more than enough wait. */
  get #targetOver(): number {
    return this.#followsTarget ? Math.min(this.#target, latestRefusal) : this.#target;
  }

  /** Takes note of how long work took that succeeded. */
  learn(latency: number): void {
    if (!this.#followsTarget || !(latency < Number.POSITIVE_INFINITY)) return;
    if (this.#learned < memory) this.#learned++;
    this.#usual += (latency - this.#usual) / this.#learned;
    this.#target = Math.min(Math.max(latencies * this.#usual, leastTarget), mostTarget);
    if (this.#followsInterval) this.#interval = (leastInterval / leastTarget) * this.#target;
  }

  push(waiter: CancelableWaiter): void {
    this.#bands[waiter.band]!.waiters.push(waiter);
    this.size++;
  }

  remove(waiter: CancelableWaiter): void {
    this.#bands[waiter.band]!.waiters.remove(waiter);
    this.size--;
  }

  /** Notes how long the oldest have waited. */
  look(at: number): void {
    const isFollowing = this.#followsTarget && this.#target > leastTarget;
    const patience = isFollowing ? more * this.#interval : this.#interval;
    for (const band of this.#bands) band.look(at, this.#target, this.#targetOver, this.#interval, patience);
  }

  /** Who should be admitted first. */
  get next(): CancelableWaiter | null {
    for (const band of this.#bands) if (band.waiters.size > 0) return band.first;
    return null;
  }

  /** Who would be admitted last, among those less important than `band`. */
  lastBelow(band: number): CancelableWaiter | null {
    for (let below = this.#bands.length - 1; below > band; below--) {
      if (this.#bands[below]!.waiters.size > 0) return this.#bands[below]!.last;
    }
    return null;
  }

  /** Somebody who has waited too long. */
  late(at: number): CancelableWaiter | null {
    for (const band of this.#bands) {
      if (band.isOver && band.isLate(at, this.#target, this.#targetOver)) return band.waiters.head;
    }
    return null;
  }
}

class Band {
  readonly waiters = new Queue<CancelableWaiter>();
  isOver = false;
  /** Whether the oldest was over target at the last look, and since which look, without a break. */
  #above = false;
  #aboveSince = 0;
  #lastAbove = 0;

  get first(): CancelableWaiter | null {
    return this.isOver ? this.waiters.tail : this.waiters.head;
  }

  get last(): CancelableWaiter | null {
    return this.isOver ? this.waiters.head : this.waiters.tail;
  }

  isLate(at: number, target: number, targetOver: number): boolean {
    const oldest = this.waiters.head;
    return oldest !== null && at - oldest.since > (this.isOver && this.waiters.size > enough ? targetOver : target);
  }

  look(at: number, target: number, targetOver: number, interval: number, patience: number): void {
    if (this.isLate(at, target, targetOver)) {
      if (!this.#above) this.#aboveSince = at;
      this.#above = true;
      this.#lastAbove = at;
      if (at - this.#aboveSince >= (this.waiters.size < crowd ? patience : interval)) this.isOver = true;
    } else {
      this.#above = false;
      // By the last time and not by the last look: after a pause nothing is left of an overload before it.
      if (this.isOver && at - this.#lastAbove >= interval) this.isOver = false;
    }
  }
}
