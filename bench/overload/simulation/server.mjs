// The service that is overloaded. Work goes on to its end whether or not its caller still waits.

import { item } from "./item.mjs";

/**
 * @typedef {object} Job
 * @property {number} work milliseconds it takes alone
 * @property {number} ends in the server's own time: how much a job in service has to have progressed
 * @property {() => void} done
 */

/**
 * `slots` pieces of work at full speed. More than that are served all at once, each slower ("ps": processor sharing, a
 * Node process or a CPU), or wait their turn in the order they came ("fifo": a connection pool). Beyond twice the slots
 * everything becomes slower still, down to a quarter: caches thrash, locks are fought for.
 */
export class Server {
  #events;
  #slots;
  #sharing;
  /** @type {Job[]} in service, a heap by what they end at */
  #serving = [];
  /** @type {Job[]} */
  #waiting = [];
  #firstWaiting = 0;
  /** How far a job would be that has been in service since the beginning. */
  #progress = 0;
  #progressAt = 0;
  /** @type {import("./event-queue.mjs").Event | null} */
  #next = null;
  #slowdown = 1;

  /**
   * @param {import("./event-queue.mjs").EventQueue} events
   * @param {number} slots
   * @param {"ps" | "fifo"} discipline
   */
  constructor(events, slots, discipline) {
    this.#events = events;
    this.#slots = slots;
    this.#sharing = discipline === "ps";
  }

  get inflight() {
    return this.#serving.length + this.#waiting.length - this.#firstWaiting;
  }

  /** @param {number} factor how many times longer everything takes, from now on */
  slowDown(factor) {
    this.#advance();
    this.#slowdown = factor;
    this.#replan();
  }

  /** @param {number} slots from now on */
  resize(slots) {
    this.#advance();
    this.#slots = slots;
    this.#fill();
    this.#replan();
  }

  /**
   * @param {number} work
   * @param {() => void} done
   */
  start(work, done) {
    this.#advance();
    this.#waiting.push({ work, ends: 0, done });
    this.#fill();
    this.#replan();
  }

  #fill() {
    while (this.#firstWaiting < this.#waiting.length && (this.#sharing || this.#serving.length < this.#slots)) {
      const job = item(this.#waiting, this.#firstWaiting++);
      job.ends = this.#progress + job.work;
      push(this.#serving, job);
    }
    if (this.#firstWaiting > 1024 && this.#firstWaiting * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#firstWaiting);
      this.#firstWaiting = 0;
    }
  }

  /** How fast a job in service progresses: 1 is alone on an idle server. */
  #speed() {
    const all = this.inflight;
    const excess = Math.max(0, (all - 2 * this.#slots) / (2 * this.#slots));
    const efficiency = Math.max(0.25, 1 / (1 + 0.5 * excess));
    const share = this.#sharing && all > this.#slots ? this.#slots / all : 1;
    return (efficiency * share) / this.#slowdown;
  }

  #advance() {
    const now = this.#events.time;
    this.#progress += (now - this.#progressAt) * this.#speed();
    this.#progressAt = now;
  }

  #replan() {
    if (this.#next !== null) this.#next.run = null;
    const [first] = this.#serving;
    if (first === undefined) {
      this.#next = null;
      return;
    }
    const left = Math.max(0, first.ends - this.#progress) / this.#speed();
    this.#next = this.#events.plan(this.#progressAt + left, () => {
      this.#advance();
      // By identity, not by comparing sums of fractions, which would leave the job a hair short of its end for ever.
      const job = pop(this.#serving);
      this.#progress = Math.max(this.#progress, job.ends);
      this.#fill();
      this.#replan();
      job.done();
    });
  }
}

/**
 * @param {Job[]} heap
 * @param {Job} job
 */
function push(heap, job) {
  let index = heap.push(job) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const other = item(heap, parent);
    if (job.ends >= other.ends) break;
    heap[index] = other;
    index = parent;
  }
  heap[index] = job;
}

/**
 * @param {Job[]} heap not empty
 * @returns {Job}
 */
function pop(heap) {
  const first = item(heap, 0);
  const last = heap.pop();
  const size = heap.length;
  if (last === undefined || size === 0) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= size) break;
    if (child + 1 < size && item(heap, child + 1).ends < item(heap, child).ends) child++;
    const other = item(heap, child);
    if (other.ends >= last.ends) break;
    heap[index] = other;
    index = child;
  }
  heap[index] = last;
  return first;
}
