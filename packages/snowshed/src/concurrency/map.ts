import { checkFunction, checkInteger, checkIterable } from "../errors.ts";
import { hooks, runWatched } from "../hooks.ts";
import { AbortCallback } from "./abort.ts";
import { contextOf } from "./child-context.ts";
import type { CancelContext, Context } from "./context.ts";
import type { QueueNode } from "./queue.ts";
import { Queue } from "./queue.ts";

export interface ForEachConcurrentOptions {
  /** How many tasks run at most at the same time: an integer of at least 1, or `Infinity`. */
  readonly concurrency: number;
  /** Ends it early: nothing more is started, the tasks' context is canceled. */
  readonly signal?: AbortSignal | Context | undefined;
}

export interface MapConcurrentOptions extends ForEachConcurrentOptions {
  /** Yield in the order of the source; `false` yields each result as soon as it is there. Default: `true`. */
  readonly ordered?: boolean | undefined;
}

type Source<Item> = Iterable<Item> | AsyncIterable<Item>;
type ItemTask<Item, Result> = (item: Item, context: Context) => Result | PromiseLike<Result>;

/**
 * Runs `task` for every item of `source`, at most `concurrency` at a time. The source is read only as fast as tasks
 * are started, so it may be endless or larger than memory.
 *
 * Resolves when all tasks have ended. When one fails, nothing more is started, the context given to the tasks is
 * canceled with the error, and once every running task has ended it rejects with that first error. When `signal`
 * aborts it does the same and rejects with the cancellation. A source not read to its end is closed, once.
 *
 * @example
 * ```ts
 * import { forEachConcurrent } from "snowshed";
 *
 * const seen: number[] = [];
 * await forEachConcurrent([1, 2, 3], async (id) => void seen.push(id), { concurrency: 2 });
 * console.log(seen.length); // 3
 * ```
 */
export function forEachConcurrent<Item>(
  source: Source<Item>,
  task: ItemTask<Item, unknown>,
  options: ForEachConcurrentOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const run = new ForEachRun(source, task, options);
    run.onEnd = () => (run.failed ? reject(run.error) : resolve());
    run.fill();
  });
}

/**
 * Like {@link forEachConcurrent}, and yields what the tasks return. It is driven by its consumer: no more than
 * `concurrency` results are ever running or waiting to be taken, so a slow consumer slows the source down.
 *
 * When a task fails, results not taken yet are dropped, and `next()` rejects with that first error after every running
 * task has ended. Leaving the loop early cancels the tasks' context, waits for them, and closes the source.
 *
 * @example
 * ```ts
 * import { mapConcurrent } from "snowshed";
 *
 * for await (const square of mapConcurrent([1, 2, 3], async (n) => n * n, { concurrency: 2 })) {
 *   console.log(square); // 1, then 4, then 9
 * }
 * ```
 */
export function mapConcurrent<Item, Result>(
  source: Source<Item>,
  task: ItemTask<Item, Result>,
  options: MapConcurrentOptions,
): AsyncGenerator<Result, void, void> {
  return new MapRun(source, task, options);
}

/**
 * Workers that pull items from one source. A worker pulls, runs the task, and pulls again; a slow asynchronous source
 * is asked by one worker at a time, since most do not allow more.
 */
abstract class Run<Item, Result, Claim> {
  readonly #source: Source<Item>;
  readonly #task: ItemTask<Item, Result>;
  readonly #concurrency: number;
  readonly #asynchronous: boolean;
  #iterator: Iterator<Item> | AsyncIterator<Item> | undefined;
  readonly #parent: Context;
  /** Made when the first item is asked for: a run that nobody starts must not hang on the signal. */
  #context: CancelContext | undefined;
  readonly #onAbort = new AbortCallback(() => {
    // With the source at its end nothing is skipped: the running tasks decide how it ends.
    if (!this.#exhausted) this.#fail(this.#context!.reason);
  });
  /** Items whose place is taken: running, and for a map also results nobody has taken yet. */
  protected taken = 0;
  #workers = 0;
  #pulling = false;
  /** The source is at its end, or must not be asked again. */
  #exhausted = false;
  #stopped = false;
  #ended = false;
  failed = false;
  error: unknown;
  onEnd: () => void = () => {};

  constructor(source: Source<Item>, task: ItemTask<Item, Result>, options: ForEachConcurrentOptions) {
    checkFunction(task, "task");
    checkInteger(options?.concurrency, "concurrency", 1, true);
    checkIterable(source, "source");
    this.#source = source;
    this.#asynchronous = typeof (source as AsyncIterable<Item>)[Symbol.asyncIterator] === "function";
    this.#task = task;
    this.#concurrency = options.concurrency;
    this.#parent = contextOf(options.signal);
    hooks?.resourceCreated(this, "map", undefined, this.#concurrency);
  }

  /** What the tasks are given, for who watches. @internal */
  get context(): Context | undefined {
    return this.#context;
  }

  /** Takes a place for the next item, before its task runs. */
  protected abstract claim(): Claim;
  /** The task has returned `result`. */
  protected abstract deliver(claim: Claim, result: Result): void;

  /** Starts workers for the places that are free. */
  fill(): void {
    if (this.#context === undefined && !this.#ended) this.#begin();
    while (this.#mayPull()) void this.#work(this.#iterator!);
    this.#endIfIdle();
  }

  #begin(): void {
    const context = this.#parent.withCancel();
    this.#context = context;
    try {
      if (!context.aborted) this.#iterator = this.#open();
    } catch (error) {
      this.#exhausted = true;
      this.#fail(error);
    }
    if (context.aborted) this.#fail(context.reason);
    else context.scope.link(this.#onAbort);
  }

  #open(): Iterator<Item> | AsyncIterator<Item> {
    return this.#asynchronous
      ? (this.#source as AsyncIterable<Item>)[Symbol.asyncIterator]()
      : (this.#source as Iterable<Item>)[Symbol.iterator]();
  }

  #mayPull(): boolean {
    return !this.#stopped && !this.#exhausted && !this.#pulling && this.taken < this.#concurrency;
  }

  async #work(iterator: Iterator<Item> | AsyncIterator<Item>): Promise<void> {
    this.#workers++;
    try {
      while (this.#mayPull()) {
        let item: IteratorResult<Item> | undefined;
        this.#pulling = true;
        try {
          const pulled = iterator.next();
          item = this.#asynchronous ? await pulled : (pulled as IteratorResult<Item>);
        } finally {
          this.#pulling = false;
          // A source that threw is finished, like one that said so.
          if (item === undefined || item.done) this.#exhausted = true;
        }
        if (this.#stopped || item.done) break;
        this.taken++;
        const claim = this.claim();
        // The next item is asked for while this one is worked on.
        if (this.#asynchronous && this.#mayPull()) void this.#work(iterator);
        const task = hooks === null ? null : { record: null };
        if (task !== null) hooks!.taskCreated(task, this, this.#task.name);
        let fulfilled = false;
        try {
          const { value } = item;
          const result = await (task === null
            ? this.#task(value, this.#context!)
            : runWatched(task, () => this.#task(value, this.#context!)));
          fulfilled = true;
          this.deliver(claim, result);
        } finally {
          if (task !== null) hooks?.taskEnded(task, fulfilled ? "fulfilled" : "rejected");
        }
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#workers--;
    this.#endIfIdle();
  }

  #fail(error: unknown): void {
    // Whatever fails after the stop follows from it.
    if (this.#stopped) return;
    this.failed = true;
    this.error = error;
    this.stop(error);
  }

  /** Starts nothing more and cancels what runs. */
  stop(reason?: unknown): void {
    this.#stopped = true;
    this.#onAbort.stop();
    this.#context?.cancel(reason);
    this.#endIfIdle();
  }

  #endIfIdle(): void {
    // A worker still waiting for the source does not count once we stopped: the source may never answer. One that is
    // inside a synchronous source, which aborted us, will be back.
    const idle = this.#workers === (this.#stopped && this.#pulling && this.#asynchronous ? 1 : 0);
    if (this.#ended || !idle || !(this.#stopped || this.#exhausted)) return;
    this.#ended = true;
    void this.#end();
  }

  async #end(): Promise<void> {
    if (!this.#exhausted) {
      this.#exhausted = true;
      try {
        const closing = this.#iterator?.return?.();
        // A generator answers return() only after the pending next(), which may be never.
        if (this.#pulling) void Promise.resolve(closing).catch(() => {});
        else await closing;
      } catch (error) {
        if (!this.failed) {
          this.failed = true;
          this.error = error;
        }
      }
    }
    this.stop();
    this.onEnd();
  }
}

class ForEachRun<Item> extends Run<Item, unknown, void> {
  protected override claim(): void {}

  protected override deliver(): void {
    this.taken--;
  }
}

/** The place of one result in the order of the source. */
class Slot<Result> implements QueueNode<Slot<Result>> {
  before: Slot<Result> | null = null;
  after: Slot<Result> | null = null;
  filled = false;
  result!: Result;
}

class Consumer<Result> implements QueueNode<Consumer<Result>> {
  before: Consumer<Result> | null = null;
  after: Consumer<Result> | null = null;
  readonly resolve: (result: IteratorResult<Result, void> | PromiseLike<never>) => void;

  constructor(resolve: Consumer<Result>["resolve"]) {
    this.resolve = resolve;
  }
}

class MapRun<Item, Result> extends Run<Item, Result, Slot<Result>> implements AsyncGenerator<Result, void, void> {
  readonly #ordered: boolean;
  readonly #slots = new Queue<Slot<Result>>();
  readonly #consumers = new Queue<Consumer<Result>>();
  /** All tasks have ended and the source is closed. */
  #over = false;
  /** The failure has been handed to a consumer: what follows is the end. */
  #reported = false;
  #leaving: Promise<void> | undefined;

  constructor(source: Source<Item>, task: ItemTask<Item, Result>, options: MapConcurrentOptions) {
    super(source, task, options);
    this.#ordered = options.ordered ?? true;
    this.onEnd = () => {
      this.#over = true;
      this.#serve();
    };
  }

  protected override claim(): Slot<Result> {
    const slot = new Slot<Result>();
    if (this.#ordered) this.#slots.push(slot);
    return slot;
  }

  protected override deliver(slot: Slot<Result>, result: Result): void {
    slot.filled = true;
    slot.result = result;
    if (!this.#ordered) this.#slots.push(slot);
    const before = this.taken;
    this.#serve();
    // This worker takes one of the places that became free; the others need workers of their own.
    if (this.taken < before - 1) this.fill();
  }

  next(): Promise<IteratorResult<Result, void>> {
    return new Promise((resolve) => {
      this.#consumers.push(new Consumer(resolve));
      this.#serve();
      this.fill();
    });
  }

  /** Hands results to those who wait for them. */
  #serve(): void {
    while (this.#consumers.head !== null) {
      const slot = this.failed || this.#leaving ? null : this.#slots.head;
      if (slot?.filled) {
        this.#slots.remove(slot);
        this.taken--;
        this.#consumers.shift()!.resolve({ done: false, value: slot.result });
      } else if (!this.#over) return;
      else if (this.failed && !this.#reported) {
        this.#reported = true;
        this.#consumers.shift()!.resolve(Promise.reject(this.error));
      } else this.#consumers.shift()!.resolve({ done: true, value: undefined });
    }
  }

  async return(): Promise<IteratorResult<Result, void>> {
    this.#leaving ??= new Promise((resolve, reject) => {
      // A task's failure is dropped like the results that nobody took; that the source cannot be closed is news.
      const failedBefore = this.failed;
      this.onEnd = () => {
        this.#over = this.#reported = true;
        this.#serve();
        if (this.failed && !failedBefore) reject(this.error);
        else resolve();
      };
      if (this.#over) this.onEnd();
      else this.stop();
    });
    await this.#leaving;
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
