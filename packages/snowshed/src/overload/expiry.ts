import type { Clock } from "../clock.ts";
import type { QueueNode } from "../concurrency/queue.ts";
import { Queue } from "../concurrency/queue.ts";

/** Something that is told when its time is up. It stands in one list at a time. @internal */
export interface Expiring extends QueueNode<Expiring> {
  due: number;
  expire(): void;
}

/** How long after a list that many calls share ran empty its timer is taken away. */
const usualIdle = 10;

/**
 * What expires a fixed time after it was added: so in the order it came, and one timer does for all of it. A timer for
 * each call would be the dearest part of a call that succeeds.
 *
 * While anything is in the list its timer keeps the process running; up to `idle` (default 10) ms after that it may
 * still be pending.
 *
 * @internal
 */
export class ExpiryList {
  readonly ms: number;
  readonly #clock: Clock;
  readonly #idle: number;
  readonly #queue = new Queue<Expiring>();
  #cancelTimer: (() => void) | null = null;
  #idleCheck = false;

  constructor(clock: Clock, ms: number, idle: number = usualIdle) {
    this.#clock = clock;
    this.ms = ms;
    this.#idle = idle;
  }

  /** `at`: the clock's `now()`, read by the caller. A clock that goes back must not bring the list out of order. */
  add(node: Expiring, at: number): void {
    const last = this.#queue.tail;
    node.due = last === null ? at + this.ms : Math.max(last.due, at + this.ms);
    this.#queue.push(node);
    this.#cancelTimer ??= this.#arm(this.ms);
  }

  /** Nothing happens if it is in the list no more. */
  remove(node: Expiring): void {
    if (!this.#queue.has(node)) return;
    this.#queue.remove(node);
    if (this.#queue.head !== null || this.#idleCheck || this.#cancelTimer === null) return;
    if (this.#idle === 0) return this.#checkIdle();
    // Not at once: in a busy program the next call comes along before the check does, and needs no timer of its own.
    this.#idleCheck = true;
    this.#clock.setTimeout(() => this.#checkIdle(), this.#idle, false);
  }

  #checkIdle(): void {
    this.#idleCheck = false;
    if (this.#queue.head !== null) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #arm(ms: number): () => void {
    return this.#clock.setTimeout(() => this.#expire(), ms);
  }

  #expire(): void {
    const now = this.#clock.now();
    try {
      for (let node = this.#queue.head; node !== null && node.due <= now; node = this.#queue.head) {
        this.#queue.remove(node);
        node.expire();
      }
    } finally {
      // Also if one of them throws: those behind it must not wait for ever.
      this.#cancelTimer = this.#rearm();
    }
  }

  #rearm(): (() => void) | null {
    const { head } = this.#queue;
    if (head === null) return null;
    // Read again: what has just expired may have taken its time.
    const now = this.#clock.now();
    if (head.due - now > this.ms) {
      // The clock was set back: their time counts from now, and does not end in hours.
      for (let node: Expiring | null = head; node !== null; node = node.after) {
        node.due = Math.min(node.due, now + this.ms);
      }
    }
    return this.#arm(head.due - now);
  }
}
