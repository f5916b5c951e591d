import { SnowshedError } from "../errors.ts";
import type { WatchedTask } from "../hooks.ts";
import type { Context } from "./context.ts";
import type { QueueNode } from "./queue.ts";

/**
 * A piece of work in a `Group`. Awaiting it gives its result or its error, or the cancellation if it was skipped; not
 * awaiting it is fine, too: its group owns the error.
 */
export interface Task<T> extends PromiseLike<T> {
  readonly name: string;
  readonly state: "queued" | "running" | "fulfilled" | "rejected" | "skipped";
  /** The result. Throws `SNOWSHED_TASK_NOT_FULFILLED` until the task is fulfilled, with the error as `cause` if it failed. */
  readonly value: T;
}

/** @internal */
export class GroupTask<T> implements Task<T>, QueueNode<GroupTask<unknown>>, WatchedTask {
  before: GroupTask<unknown> | null = null;
  after: GroupTask<unknown> | null = null;
  readonly name: string;
  state: Task<T>["state"] = "queued";
  /** The value, or the error once it was rejected or skipped. */
  #result: unknown;
  /** Made for the first who awaits: most tasks are only waited for through their group. */
  #promise: Promise<T> | null = null;
  #resolve!: (value: unknown) => void;
  /** What to run, while it waits for its turn. */
  body: ((context: Context) => T | PromiseLike<T>) | null = null;
  /** Of who watches: see `WatchedTask`. */
  record: object | null = null;
  /** Opens the gate of a queued task. */
  start: () => void = noGate;

  constructor(name: string) {
    this.name = name;
  }

  get value(): T {
    if (this.state === "fulfilled") return this.#result as T;
    const options = this.state === "rejected" || this.state === "skipped" ? { cause: this.#result } : undefined;
    throw new SnowshedError("SNOWSHED_TASK_NOT_FULFILLED", `the task "${this.name}" is ${this.state}`, options);
  }

  // A Task is a PromiseLike by design: `await task` gives its result.
  // oxlint-disable-next-line unicorn/no-thenable
  then<Fulfilled = T, Rejected = never>(
    onFulfilled?: ((value: T) => Fulfilled | PromiseLike<Fulfilled>) | null,
    onRejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#promise ??= this.#makePromise();
    return this.#promise.then(onFulfilled, onRejected);
  }

  #makePromise(): Promise<T> {
    if (this.state === "fulfilled") return Promise.resolve(this.#result as T);
    if (this.state === "rejected" || this.state === "skipped") return Promise.reject(this.#result);
    return new Promise((resolve) => {
      this.#resolve = resolve as (value: unknown) => void;
    });
  }

  settle(state: "fulfilled" | "rejected" | "skipped", result: unknown): void {
    this.state = state;
    this.#result = result;
    if (this.#promise !== null) this.#resolve(state === "fulfilled" ? result : Promise.reject(result));
  }
}

function noGate(): void {}
