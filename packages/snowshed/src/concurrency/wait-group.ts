import { checkFunction, invalidArgument, SnowshedError } from "../errors.ts";
import { hooks, runWatched } from "../hooks.ts";
import { scopeOf } from "./abort.ts";
import type { Context } from "./context.ts";
import { holdUnobserved, joinErrors } from "./unobserved.ts";
import { Waiters } from "./waiters.ts";

/**
 * Waits until a counter of running work is back at 0. It limits nothing, cancels nothing and stops at no failure: for
 * that there is `Group`.
 *
 * Counting is by generations: one ends whenever the counter reaches 0, and releases its waiters for good; `add()` after
 * that begins the next.
 *
 * @example
 * ```ts
 * import { WaitGroup } from "snowshed";
 *
 * const done: string[] = [];
 * const group = new WaitGroup();
 * for (const name of ["a", "b"]) group.go(async () => void done.push(name));
 * await group.wait();
 * console.log(done.length, group.count); // 2 0
 * ```
 */
export class WaitGroup {
  readonly name: string | undefined;
  #count = 0;
  /** Failures of tasks that no waiter has been told of yet. */
  #errors: unknown[] = [];
  #delivered: (() => void) | null = null;
  readonly #waiters = new Waiters(this);

  constructor(options: { readonly name?: string } = {}) {
    this.name = options.name;
    hooks?.resourceCreated(this, "wait-group", this.name, Number.POSITIVE_INFINITY);
  }

  /** How much is running. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts `delta` more (an integer, default 1, may be negative). Call it before the work starts: a task that adds
   * itself may do so after `wait()` has looked.
   *
   * A counter below 0 is an error (`SNOWSHED_NEGATIVE_COUNTER`) and changes nothing: some `done()` had no `add()`.
   */
  add(delta: number = 1): void {
    if (!Number.isSafeInteger(delta)) {
      throw invalidArgument(typeof delta === "number" ? RangeError : TypeError, "delta", "an integer", delta);
    }
    const count = this.#count + delta;
    if (!Number.isSafeInteger(count))
      throw invalidArgument(RangeError, "delta", "so small that it can be counted", delta);
    if (count < 0) {
      const message = `the counter is ${this.#count} and cannot go ${-delta} down: a done() without its add()`;
      hooks?.misuse("SNOWSHED_NEGATIVE_COUNTER", message);
      throw new SnowshedError("SNOWSHED_NEGATIVE_COUNTER", message);
    }
    this.#count = count;
    if (count === 0 && delta < 0) this.#endGeneration();
  }

  /** Counts one less: `add(-1)`. */
  done(): void {
    this.add(-1);
  }

  /**
   * Counts one, starts `task` at once, and counts down when it has ended, also when it failed. Its error rejects
   * `wait()`. If nobody ever waits, it becomes an unhandled rejection once nobody can any more.
   */
  go(task: () => unknown, options?: { readonly name?: string }): void {
    checkFunction(task, "task");
    this.add();
    void this.#run(task, options?.name ?? task.name);
  }

  async #run(task: () => unknown, name: string): Promise<void> {
    const id = hooks === null ? null : { record: null };
    if (id !== null) hooks!.taskCreated(id, this, name);
    let fulfilled = false;
    try {
      await (id === null ? task() : runWatched(id, task));
      fulfilled = true;
    } catch (error) {
      this.#errors.push(error);
    }
    if (id !== null) hooks?.taskEnded(id, fulfilled ? "fulfilled" : "rejected");
    this.done();
  }

  /**
   * Resolves when the counter reaches 0; at once if it is there. Any number of callers may wait; all are released.
   *
   * Rejects with the error of a failed `go()` task, or an `AggregateError` of all of them, once the generation has
   * ended. When `signal` aborts, only this caller is released, with the cancellation; the work goes on.
   */
  wait(options?: { readonly signal?: AbortSignal | Context | undefined }): Promise<void> {
    const scope = scopeOf(options?.signal);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    if (this.#count > 0) return this.#waiters.wait(scope);
    hooks?.awaited(this);
    return this.#errors.length === 0 ? Promise.resolve() : Promise.reject(this.#takeError());
  }

  #endGeneration(): void {
    if (this.#errors.length === 0) this.#waiters.resolve();
    else if (this.#waiters.size > 0) this.#waiters.reject(this.#takeError());
    else this.#delivered = holdUnobserved(this, this.#errors);
  }

  #takeError(): unknown {
    const error = joinErrors(this.#errors);
    this.#errors = [];
    this.#delivered?.();
    this.#delivered = null;
    return error;
  }
}
