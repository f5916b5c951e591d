import { AsyncResource } from "node:async_hooks";
import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { toMillisecondsInRange } from "../../duration.ts";

/** Work that was admitted and waits for its turn; it runs in the async context in which it was made. @internal */
export abstract class DispatchJob extends AsyncResource {
  /** Set when it is of no use any more: it is passed over. */
  isDone = false;

  constructor() {
    super("snowshed.dispatch");
  }

  /** Begins the work. */
  abstract start(): void;
}

/** Two turns of the loop that follow each other with less between them had no idle time between them. */
const together = 1;

/**
 * Runs admitted work in slices, one slice for each turn of the event loop, so that between two slices the loop reads
 * what has arrived. Without it a handler that computes runs inside the callback that read its request: requests behind
 * it wait in the kernel, nobody sees them, and a limiter has nothing to refuse.
 *
 * A slice is over after `slice` (default 5 ms) of handlers; one handler always runs to its end. One queue for a thread,
 * as it has one loop: all servers of the thread share `DispatchQueue.shared` unless told otherwise.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { DispatchQueue, nodeHandler } from "snowshed/http";
 *
 * const dispatch = new DispatchQueue({ slice: "2ms" });
 * const server = createServer(nodeHandler((request, response) => response.end("done"), { dispatch }));
 * console.log(dispatch.size, server.listening); // 0 false
 * ```
 */
export class DispatchQueue {
  /** The queue of this thread. */
  static readonly shared: DispatchQueue = new DispatchQueue();
  readonly #slice: number;
  readonly #clock: Clock;
  #jobs: DispatchJob[] = [];
  #next = 0;
  #scheduled = false;
  #sliceBegan = Number.NEGATIVE_INFINITY;
  #lastSeen = Number.NEGATIVE_INFINITY;
  readonly #runSlice = (): void => this.#run();

  constructor(options: { readonly slice?: Duration | undefined; readonly clock?: Clock | undefined } = {}) {
    this.#slice = toMillisecondsInRange(options.slice ?? 5, "slice", 0);
    this.#clock = options.clock ?? systemClock;
  }

  /** How many wait for their turn. */
  get size(): number {
    return this.#jobs.length - this.#next;
  }

  /** @internal */
  push(job: DispatchJob): void {
    this.#jobs.push(job);
    this.#schedule();
  }

  /**
   * How long a request that is read now has waited where nobody saw it: as the mean, half of the time since the loop
   * last read. 0 if the loop was idle in between, for then it was read as soon as it came.
   *
   * @internal
   */
  unseen(at: number): number {
    const busy = at - this.#lastSeen < together;
    if (!busy) return 0;
    this.#lastSeen = at;
    return Math.max(0, at - this.#sliceBegan) / 2;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#runSlice);
  }

  #run(): void {
    const began = this.#clock.now();
    this.#scheduled = false;
    try {
      while (this.#next < this.#jobs.length) {
        const job = this.#jobs[this.#next++]!;
        if (job.isDone) continue;
        job.runInAsyncScope(job.start, job);
        if (this.#clock.now() - began >= this.#slice) break;
      }
    } finally {
      // Also when a handler threw: the others have been admitted, and must run.
      if (this.#next === this.#jobs.length) {
        this.#jobs = [];
        this.#next = 0;
      } else {
        // What ran must not be held while others keep the list from getting empty.
        if (this.#next >= 1024) {
          this.#jobs = this.#jobs.slice(this.#next);
          this.#next = 0;
        }
        this.#schedule();
      }
      this.#sliceBegan = began;
      this.#lastSeen = this.#clock.now();
    }
  }
}
