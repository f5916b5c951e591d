// Virtual time: what happens next is the earliest of what is planned, and nothing takes time of its own.

import { item } from "./item.mjs";

/**
 * @typedef {object} Event
 * @property {number} at
 * @property {number} order
 * @property {(() => void) | null} run null once it is canceled
 */

export class EventQueue {
  /** @type {Event[]} a binary heap */
  #heap = [];
  #order = 0;
  #now = 0;
  #chance;

  /** @param {() => number} chance what `random()` of the clock returns */
  constructor(chance) {
    this.#chance = chance;
  }

  /** Milliseconds since the beginning. */
  get time() {
    return this.#now;
  }

  /**
   * @param {number} at
   * @param {() => void} run
   * @returns {Event}
   */
  plan(at, run) {
    const event = { at: Math.max(at, this.#now), order: this.#order++, run };
    let index = this.#heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, item(this.#heap, parent))) break;
      this.#heap[index] = item(this.#heap, parent);
      index = parent;
    }
    this.#heap[index] = event;
    return event;
  }

  /**
   * Takes the next event if it is planned before `end`, moves the time to it and runs it.
   *
   * @param {number} end
   * @returns {boolean} whether there was one
   */
  step(end) {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at >= end) return false;
      this.#removeFirst();
      if (first.run === null) continue;
      this.#now = first.at;
      first.run();
      return true;
    }
  }

  #removeFirst() {
    const last = this.#heap.pop();
    const size = this.#heap.length;
    if (last === undefined || size === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && before(item(this.#heap, right), item(this.#heap, child))) {
        child = right;
      }
      if (!before(item(this.#heap, child), last)) break;
      this.#heap[index] = item(this.#heap, child);
      index = child;
    }
    this.#heap[index] = last;
  }

  /** This time as the library takes it: a `Clock`. */
  get clock() {
    return {
      now: () => this.#now,
      date: () => this.#now,
      random: this.#chance,
      /**
       * @param {() => void} callback
       * @param {number} ms
       */
      setTimeout: (callback, ms) => {
        if (ms === Number.POSITIVE_INFINITY) return () => {};
        const event = this.plan(this.#now + ms, callback);
        return () => {
          event.run = null;
        };
      },
    };
  }
}

/**
 * @param {Event} one
 * @param {Event} other
 */
function before(one, other) {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
