import type { AbortScope, Cancellation } from "./abort.ts";
import { AbortNode } from "./abort.ts";
import type { QueueNode } from "./queue.ts";
import { Queue } from "./queue.ts";

/** Callers that wait for the same event, each of whom its own signal may release earlier. */
export class Waiters {
  readonly #queue = new Queue<Waiter>();

  get size(): number {
    return this.#queue.size;
  }

  /** `scope` must not be aborted. */
  wait(scope: AbortScope | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this.#queue, resolve, reject);
      this.#queue.push(waiter);
      scope?.link(waiter);
    });
  }

  resolve(): void {
    for (let waiter = this.#queue.shift(); waiter !== null; waiter = this.#queue.shift()) waiter.settle().resolve();
  }

  reject(error: unknown): void {
    for (let waiter = this.#queue.shift(); waiter !== null; waiter = this.#queue.shift()) waiter.settle().reject(error);
  }
}

class Waiter extends AbortNode implements QueueNode<Waiter> {
  before: Waiter | null = null;
  after: Waiter | null = null;
  readonly #queue: Queue<Waiter>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  #settled = false;

  constructor(queue: Queue<Waiter>, resolve: () => void, reject: (error: unknown) => void) {
    super();
    this.#queue = queue;
    this.resolve = resolve;
    this.reject = reject;
  }

  settle(): this {
    this.#settled = true;
    this.source?.unlink(this);
    return this;
  }

  override notify(why: Cancellation): void {
    if (this.#settled) return;
    this.#queue.remove(this);
    this.settle().reject(why.reason);
  }
}
