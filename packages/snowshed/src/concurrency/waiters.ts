import { hooks } from "../hooks.ts";
import type { AbortScope, Cancellation } from "./abort.ts";
import { AbortNode, patienceOf } from "./abort.ts";
import type { QueueNode } from "./queue.ts";
import { Queue } from "./queue.ts";

/** Callers that wait for the same event, each of whom its own signal may release earlier. */
export class Waiters {
  readonly #queue = new Queue<Waiter>();
  /** What the hooks are told that they wait for; `null` tells them nothing. */
  readonly #resource: object | null;

  constructor(resource: object | null = null) {
    this.#resource = resource;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** `scope` must not be aborted. */
  wait(scope: AbortScope | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(this.#queue, this.#resource, resolve, reject);
      this.#queue.push(waiter);
      if (this.#resource !== null) hooks?.blocked(this.#resource, 1, waiter, patienceOf(scope));
      scope?.link(waiter);
    });
  }

  resolve(): void {
    for (let waiter = this.#queue.shift(); waiter !== null; waiter = this.#queue.shift()) waiter.settle(true).resolve();
  }

  reject(error: unknown): void {
    for (let waiter = this.#queue.shift(); waiter !== null; waiter = this.#queue.shift())
      waiter.settle(true).reject(error);
  }
}

class Waiter extends AbortNode implements QueueNode<Waiter> {
  before: Waiter | null = null;
  after: Waiter | null = null;
  readonly #queue: Queue<Waiter>;
  readonly #resource: object | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  #settled = false;

  constructor(queue: Queue<Waiter>, resource: object | null, resolve: () => void, reject: (error: unknown) => void) {
    super();
    this.#queue = queue;
    this.#resource = resource;
    this.resolve = resolve;
    this.reject = reject;
  }

  settle(granted: boolean): this {
    this.#settled = true;
    if (this.#resource !== null) hooks?.unblocked(this.#resource, this, granted);
    this.source?.unlink(this);
    return this;
  }

  override notify(why: Cancellation): void {
    if (this.#settled) return;
    this.#queue.remove(this);
    this.settle(false).reject(why.reason);
  }
}
