import { checkInteger, SnowshedError } from "../errors.ts";
import { hooks } from "../hooks.ts";
import type { AbortScope } from "./abort.ts";
import { AbortCallback, patienceOf, scopeOf } from "./abort.ts";
import type { Context } from "./context.ts";
import type { QueueNode } from "./queue.ts";
import { Queue } from "./queue.ts";

export interface ChannelOperationOptions {
  /** Gives up when it aborts. One that is aborted already refuses, also when there would be no wait. */
  readonly signal?: AbortSignal | Context | undefined;
}

/** One promise for every send that need not wait. */
const sent: Promise<void> = Promise.resolve();

/**
 * A queue of values between tasks. With `capacity` 0 (the default) a send completes when a receiver takes the value;
 * with n, up to n values wait in a buffer before senders do. `Infinity` never makes senders wait.
 *
 * Values are received in the order they were sent, waiting senders and receivers are served in the order they came.
 * `for await` receives until the channel is closed and drained; leaving the loop leaves the channel open.
 *
 * @example
 * ```ts
 * import { Channel, WaitGroup } from "snowshed";
 *
 * const results = new Channel<number>(10);
 * const group = new WaitGroup();
 * for (const id of [0, 1, 2]) group.go(() => results.send(id * 2));
 * void group.wait().then(() => results.close());
 * const received: number[] = [];
 * for await (const result of results) received.push(result);
 * console.log(received); // [ 0, 2, 4 ]
 * ```
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly capacity: number;
  readonly name: string | undefined;
  /** Values from `#first` on; what is before has been received. */
  #buffer: (T | undefined)[] = [];
  #first = 0;
  /** @internal */
  readonly senders: Queue<ChannelWaiter> = new Queue();
  /** @internal */
  readonly receivers: Queue<ChannelWaiter> = new Queue();
  #closed = false;

  constructor(capacity: number = 0, options: { readonly name?: string } = {}) {
    checkInteger(capacity, "capacity", 0, true);
    this.capacity = capacity;
    this.name = options.name;
    hooks?.resourceCreated(this, "channel", this.name, capacity);
  }

  /** How many values are in the buffer. */
  get size(): number {
    return this.#buffer.length - this.#first;
  }

  /** Whether `close()` was called; values may still be there to receive. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Resolves when `value` is in the buffer, or has been taken by a receiver if there is no room in it. Rejects with
   * `SNOWSHED_CHANNEL_CLOSED` when the channel is or gets closed, with the cancellation when `signal` aborts; then the
   * value was not sent.
   */
  send(value: T, options?: ChannelOperationOptions): Promise<void> {
    const scope = scopeOf(options?.signal);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    if (this.#closed) return Promise.reject(closedError("send on"));
    if (this.trySend(value)) return sent;
    return this.#wait<void>(this.senders, value, scope);
  }

  /** Sends if that is possible without waiting. Throws `SNOWSHED_CHANNEL_CLOSED` on a closed channel. */
  trySend(value: T): boolean {
    if (this.#closed) throw closedError("send on");
    const receiver = this.receivers.shift();
    if (receiver !== null) this.#complete(receiver, { done: false, value });
    else if (this.size < this.capacity) this.#buffer.push(value);
    else return false;
    return true;
  }

  /**
   * Resolves with the next value, `{ done: false, value }`, or with `{ done: true }` once the channel is closed and
   * drained. Rejects with the cancellation when `signal` aborts; no value is lost by that.
   */
  receive(options?: ChannelOperationOptions): Promise<IteratorResult<T, undefined>> {
    const scope = scopeOf(options?.signal);
    if (scope?.isAborted) return Promise.reject(scope.abortReason);
    const received = this.tryReceive();
    if (received !== undefined) return Promise.resolve(received);
    return this.#wait<IteratorResult<T, undefined>>(this.receivers, undefined, scope);
  }

  /** Like {@link Channel.receive} if that is possible without waiting, else `undefined`. */
  tryReceive(): IteratorResult<T, undefined> | undefined {
    if (this.size > 0) {
      const value = this.#shift();
      // The place that became free belongs to the sender who waited longest.
      const sender = this.senders.shift();
      if (sender !== null) {
        this.#buffer.push(sender.value as T);
        this.#complete(sender);
      }
      return { done: false, value };
    }
    const sender = this.senders.shift();
    if (sender !== null) {
      this.#complete(sender);
      return { done: false, value: sender.value as T };
    }
    return this.#closed ? { done: true, value: undefined } : undefined;
  }

  /**
   * Says that nothing more will be sent. Values in the buffer can still be received; waiting receivers get
   * `{ done: true }`, waiting senders are rejected. Closing twice throws `SNOWSHED_CHANNEL_CLOSED`.
   */
  close(): void {
    if (this.#closed) throw closedError("close of");
    this.#closed = true;
    for (let receiver = this.receivers.shift(); receiver !== null; receiver = this.receivers.shift()) {
      this.#complete(receiver, { done: true, value: undefined });
    }
    for (let sender = this.senders.shift(); sender !== null; sender = this.senders.shift()) {
      hooks?.unblocked(this, sender, false);
      sender.refuse(closedError("send on"));
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.receive() };
  }

  /** Whether `tryReceive()` would return something. @internal */
  get receivable(): boolean {
    return this.size > 0 || this.senders.size > 0 || this.#closed;
  }

  /** Whether `trySend()` would send, or throw. @internal */
  get sendable(): boolean {
    return this.receivers.size > 0 || this.size < this.capacity || this.#closed;
  }

  #wait<Result>(queue: Queue<ChannelWaiter>, value: unknown, scope: AbortScope | null): Promise<Result> {
    return new Promise((resolve, reject) => {
      const onAbort = new AbortCallback((why) => {
        queue.remove(waiter);
        hooks?.unblocked(this, waiter, false);
        reject(why.reason);
      });
      const waiter = new ChannelWaiter(
        value,
        (result) => {
          onAbort.stop();
          resolve(result as Result);
        },
        (error) => {
          onAbort.stop();
          reject(error);
        },
      );
      queue.push(waiter);
      scope?.link(onAbort);
      hooks?.blocked(this, 1, waiter, patienceOf(scope));
    });
  }

  #complete(waiter: ChannelWaiter, result?: IteratorResult<T, undefined>): void {
    hooks?.unblocked(this, waiter, true);
    waiter.complete(result);
  }

  #shift(): T {
    const value = this.#buffer[this.#first] as T;
    this.#buffer[this.#first++] = undefined;
    // Moving the rest down only when at least half is gone keeps this O(1) on average.
    if (this.#first * 2 >= this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#first);
      this.#first = 0;
    }
    return value;
  }
}

/** Somebody waiting to send or to receive: a plain operation, or a case of a `select()`. @internal */
export class ChannelWaiter implements QueueNode<ChannelWaiter> {
  before: ChannelWaiter | null = null;
  after: ChannelWaiter | null = null;
  /** What a sender wants to send. */
  readonly value: unknown;
  /** The operation took place; a receiver gets its result. */
  readonly complete: (result?: IteratorResult<unknown, undefined>) => void;
  /** The channel was closed to senders. */
  readonly refuse: (error: SnowshedError) => void;

  constructor(value: unknown, complete: ChannelWaiter["complete"], refuse: ChannelWaiter["refuse"]) {
    this.value = value;
    this.complete = complete;
    this.refuse = refuse;
  }
}

function closedError(what: string): SnowshedError {
  return new SnowshedError("SNOWSHED_CHANNEL_CLOSED", `${what} a closed channel`);
}
