import { checkFunction, checkInteger, SnowshedError } from "../errors.ts";
import { hooks, runWatchedWith } from "../hooks.ts";
import { AbortCallback, scopeOf } from "./abort.ts";
import { childContext } from "./child-context.ts";
import type { CancelContext, Context } from "./context.ts";
import { Queue } from "./queue.ts";
import type { Task } from "./task.ts";
import { GroupTask } from "./task.ts";
import { holdUnobserved } from "./unobserved.ts";
import { Waiters } from "./waiters.ts";

export interface GroupOptions {
  /** What the group lives under: its abort cancels the group. A group never cancels it. Default: nothing. */
  readonly signal?: AbortSignal | Context | undefined;
  /** How many tasks run at most at the same time; more are queued. `0` starts none. Default: `Infinity`. */
  readonly concurrency?: number | undefined;
  readonly name?: string | undefined;
  /**
   * `true`: the first error cancels the group. `false`: everything runs. A predicate: the errors it accepts cancel, the
   * others are collected. Default: `true`.
   */
  readonly failFast?: boolean | ((error: unknown) => boolean) | undefined;
}

type Body<T> = (context: Context) => T | PromiseLike<T>;

/**
 * Tasks that belong together: started under one context, waited for together, none outlives its group. It serves one
 * set of tasks: once `wait()` has settled it is closed.
 *
 * @example
 * ```ts
 * import { Group } from "snowshed";
 *
 * const group = new Group({ concurrency: 2 });
 * const user = group.go(async () => "Ada");
 * const orders = group.go(async ({ signal }) => (signal.aborted ? [] : ["A-1"]));
 * await group.wait();
 * console.log(user.value, orders.value.length); // Ada 1
 * ```
 */
export class Group implements AsyncDisposable {
  readonly name: string | undefined;
  readonly #context: CancelContext;
  readonly #failFast: boolean | ((error: unknown) => boolean);
  #concurrency: number;
  #running = 0;
  readonly #queue = new Queue<GroupTask<unknown>>();
  /** Out of the queue, with a place, and about to start: gates open one after the other, in this order. */
  readonly #chosen = new Queue<GroupTask<unknown>>();
  readonly #startChosen = (): void => {
    const handle = this.#chosen.shift()!;
    if (!this.#context.aborted) return void this.#run(handle, handle.body!);
    this.#skip(handle);
    this.#end();
  };
  readonly #onAbort = new AbortCallback(() => this.#skipQueued());

  readonly #errors: unknown[] = [];
  /** The error that canceled the group. */
  #fatal: { readonly error: unknown } | null = null;
  /** A task was skipped, or ended by the group's own cancellation. */
  #interrupted = false;
  /** Of how many of the errors somebody has been told. */
  #told = 0;
  /** How many of the waiters are disposals, which do not want to hear of errors that others are told of. */
  #disposing = 0;
  #release: (() => void) | null = null;

  #closed = false;
  readonly #waiters = new Waiters(this);
  #ready: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  #parent: Group | null = null;
  /** Whether the parent counts this group among its running children. */
  #counted = false;
  #children = 0;

  constructor(options: GroupOptions = {}) {
    const { concurrency = Number.POSITIVE_INFINITY, failFast = true } = options;
    checkInteger(concurrency, "concurrency", 0, true);
    if (typeof failFast !== "boolean") checkFunction(failFast, "failFast");
    this.name = options.name;
    this.#concurrency = concurrency;
    this.#failFast = failFast;
    this.#context = childContext(options.signal);
    hooks?.resourceCreated(this, "group", this.name, concurrency);
  }

  /** What the tasks are given: canceled with the group, at the latest when `wait()` settles. */
  get context(): Context {
    return this.#context;
  }

  /** What has failed so far, in the order of time; without tasks that only followed the group's cancellation. */
  get errors(): readonly unknown[] {
    return this.#errors;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** May be changed while tasks run: growing starts queued tasks, shrinking stops none. */
  get concurrency(): number {
    return this.#concurrency;
  }

  set concurrency(concurrency: number) {
    checkInteger(concurrency, "concurrency", 0, true);
    this.#concurrency = concurrency;
    hooks?.resourceResized(this, concurrency);
    this.#advance();
  }

  /**
   * Runs `task` with the group's context: at once, before this returns, if there is a free place; otherwise it is queued
   * (without bound: see `ready()`). On a canceled group it is skipped. Throws `SNOWSHED_GROUP_CLOSED` after `wait()` has
   * settled.
   */
  go<T>(task: Body<T>, options?: { readonly name?: string | undefined }): Task<T> {
    const handle = this.#accept(task, options);
    if (this.#context.aborted) this.#skip(handle);
    else {
      this.#count();
      if (this.#hasPlace()) {
        this.#running++;
        void this.#run(handle, task);
      } else this.#enqueue(handle, task);
    }
    return handle;
  }

  /** Runs `task` if that is possible at once; otherwise does nothing and returns `undefined`. */
  tryGo<T>(task: Body<T>, options?: { readonly name?: string | undefined }): Task<T> | undefined {
    if (!this.#closed && (this.#context.aborted || !this.#hasPlace())) {
      checkFunction(task, "task");
      return undefined;
    }
    return this.go(task, options);
  }

  /**
   * Resolves when `go()` would start a task at once, or the group is canceled. Awaiting it before each `go()` keeps a
   * producer from running ahead of the tasks.
   */
  ready(): Promise<void> {
    if (this.#hasPlace() || this.#closed || this.#context.aborted) return immediately;
    if (this.#ready === null) {
      this.#watchAbort();
      let resolve!: () => void;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#ready = { promise, resolve };
    }
    return this.#ready.promise;
  }

  /**
   * Settles when every started task has ended and none is queued; then the group is closed and its context canceled.
   *
   * Rejects with the error that canceled the group (the first by time); with an `AggregateError` of all when errors were
   * collected (`failFast`); with the cancellation when tasks were skipped and none failed. Otherwise resolves.
   *
   * When `signal` aborts, only this caller is released, with the cancellation.
   */
  wait(options?: { readonly signal?: AbortSignal | Context | undefined }): Promise<void> {
    const scope = scopeOf(options?.signal);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const settled = this.#waiters.wait(scope);
    if (this.#idle()) this.#close();
    return settled;
  }

  /** Cancels the group's context, with `reason` as its `cause`. Queued tasks are skipped. */
  cancel(reason?: unknown): void {
    this.#context.cancel(reason);
  }

  /**
   * A group within this one: canceled with it, and waited for by it like a task, though it takes no place among the
   * `concurrency`. Its failure fails this group, unless `child.wait()` delivers it to somebody.
   */
  child(options: Omit<GroupOptions, "signal"> = {}): Group {
    const child = new Group({ ...options, signal: this.#context });
    child.#parent = this;
    hooks?.awaited(child);
    return child;
  }

  /** The end of the scope: cancels what still runs, waits for it, and throws what failed unless that was delivered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    this.#disposing++;
    try {
      await this.wait();
    } catch (error) {
      if (this.#told === this.#errors.length) return;
      this.#told = this.#errors.length;
      throw error;
    }
  }

  #accept<T>(task: Body<T>, options: { readonly name?: string | undefined } | undefined): GroupTask<T> {
    checkFunction(task, "task");
    if (this.#closed) {
      const message = "go() after wait() has settled: use a new Group for new tasks";
      hooks?.misuse("SNOWSHED_GROUP_CLOSED", message);
      throw new SnowshedError("SNOWSHED_GROUP_CLOSED", message);
    }
    const handle = new GroupTask<T>(options?.name ?? task.name);
    hooks?.taskCreated(handle, this, handle.name);
    return handle;
  }

  #hasPlace(): boolean {
    return this.#running < this.#concurrency && this.#queue.size === 0;
  }

  #idle(): boolean {
    return this.#running === 0 && this.#queue.size === 0 && this.#children === 0;
  }

  #enqueue<T>(handle: GroupTask<T>, task: Body<T>): void {
    this.#watchAbort();
    this.#queue.push(handle);
    handle.body = task;
    const gate = new Promise<void>((open) => {
      handle.start = open;
    });
    // A reaction to a promise of its own, so that the body sees the AsyncLocalStorage store of whoever submitted it.
    void gate.then(this.#startChosen);
  }

  /** Only while an abort would have something to do: a group linked for longer could not be collected when dropped. */
  #watchAbort(): void {
    if (this.#onAbort.source === null) this.#context.link(this.#onAbort);
  }

  /** Takes up the place that `running` already counts. */
  async #run<T>(handle: GroupTask<T>, task: Body<T>): Promise<void> {
    handle.state = "running";
    handle.body = null;
    try {
      const value = await (hooks === null ? task(this.#context) : runWatchedWith(handle, task, this.#context));
      handle.settle("fulfilled", value);
    } catch (error) {
      handle.settle("rejected", error);
      this.#fail(error);
    }
    hooks?.taskEnded(handle, handle.state as "fulfilled" | "rejected");
    this.#end();
  }

  #end(): void {
    this.#running--;
    this.#advance();
    if (this.#idle()) this.#settle();
  }

  #fail(error: unknown): void {
    if (this.#context.aborted && isCanceledBy(error, this.#context.reason)) {
      this.#interrupted = true;
      return;
    }
    this.#errors.push(error);
    let fatal: boolean;
    try {
      fatal = typeof this.#failFast === "boolean" ? this.#failFast : this.#failFast(error);
    } catch (thrown) {
      // A predicate that cannot decide must not hide the error, nor its own.
      this.#errors.push(thrown);
      fatal = true;
    }
    if (fatal && this.#fatal === null) {
      this.#fatal = { error };
      this.#context.cancel(error);
    }
  }

  /** Starts queued tasks while there is room, and tells producers when there is more. */
  #advance(): void {
    while (this.#running < this.#concurrency && this.#queue.size > 0) {
      this.#running++;
      const handle = this.#queue.shift()!;
      this.#chosen.push(handle);
      handle.start();
    }
    if (this.#hasPlace()) this.#wakeProducers();
  }

  #wakeProducers(): void {
    this.#ready?.resolve();
    this.#ready = null;
  }

  #skip(handle: GroupTask<unknown>): void {
    this.#interrupted = true;
    handle.settle("skipped", this.#context.reason);
    hooks?.taskEnded(handle, "skipped");
  }

  #skipQueued(): void {
    for (let handle = this.#queue.shift(); handle !== null; handle = this.#queue.shift()) this.#skip(handle);
    this.#wakeProducers();
    if (this.#idle()) this.#settle();
  }

  /** Nothing runs and nothing is queued. */
  #settle(): void {
    if (this.#ready === null) this.#onAbort.source?.unlink(this.#onAbort);
    if (this.#waiters.size > 0) return this.#close();
    if (this.#parent !== null) {
      // A failure without any await comes before the child.wait() that is about to take it: give it this tick.
      if (this.#counted) queueMicrotask(() => this.#reportToParent());
    } else if (this.#errors.length > this.#told) this.#release = holdUnobserved(this, this.#errors);
  }

  #close(): void {
    this.#closed = true;
    this.#release?.();
    if (this.#waiters.size > this.#disposing) this.#told = this.#errors.length;
    this.#disposing = 0;
    // Before the context ends: a waiter whose signal hangs on that is to get the result, too.
    if (this.#errors.length > 0) this.#waiters.reject(this.#failure(0));
    else if (this.#interrupted) this.#waiters.reject(this.#context.reason);
    else this.#waiters.resolve();
    this.#context.cancel();
    this.#wakeProducers();
    this.#uncount();
  }

  /** What to throw for the errors from `first` on. */
  #failure(first: number): unknown {
    if (this.#fatal !== null) return this.#fatal.error;
    const errors = this.#errors.slice(first);
    return new AggregateError(errors, `${errors.length} ${errors.length === 1 ? "task" : "tasks"} of the group failed`);
  }

  #count(): void {
    if (this.#parent === null || this.#counted) return;
    this.#counted = true;
    this.#parent.#count();
    this.#parent.#children++;
  }

  #reportToParent(): void {
    if (!this.#counted || !this.#idle()) return;
    if (this.#errors.length > this.#told) {
      const failure = this.#failure(this.#told);
      this.#told = this.#errors.length;
      this.#parent!.#fail(failure);
    }
    this.#uncount();
  }

  #uncount(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#parent!.#children--;
    if (this.#parent!.#idle()) this.#parent!.#settle();
  }
}

const immediately: Promise<void> = Promise.resolve();

/** Whether `error` is `reason`, or the AbortError in which functions of the platform wrap it. */
function isCanceledBy(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  const { name, cause } = (error ?? {}) as { readonly name?: unknown; readonly cause?: unknown };
  return name === "AbortError" && cause === reason;
}
