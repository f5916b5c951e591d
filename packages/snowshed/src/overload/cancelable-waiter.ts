import type { Cancellation } from "../concurrency/abort.ts";
import { AbortNode } from "../concurrency/abort.ts";
import type { QueueNode } from "../concurrency/queue.ts";
import { hooks } from "../hooks.ts";

/** What a waiter tells whom it waits for. */
export interface WaitHost {
  /** It will wait no longer. */
  giveUp(waiter: CancelableWaiter, error: unknown): void;
  /** It was admitted, and canceled before it could go on. */
  callOff(waiter: CancelableWaiter): void;
}

/** A caller that waits for a place, until its signal or a timer ends that. @internal */
export class CancelableWaiter extends AbortNode implements QueueNode<CancelableWaiter> {
  before: CancelableWaiter | null = null;
  after: CancelableWaiter | null = null;
  /** When it came. */
  readonly since: number;
  readonly band: number;
  readonly #host: WaitHost;
  readonly #cancelable: boolean;
  readonly #resolve: (value: never) => void;
  readonly #reject: (error: unknown) => void;
  /** Ends the wait when its time is up. */
  cancelTimer: (() => void) | null = null;
  #state: "waiting" | "admitted" | "ended" = "waiting";

  constructor(
    host: WaitHost,
    since: number,
    band: number,
    cancelable: boolean,
    resolve: (value: never) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#host = host;
    this.since = since;
    this.band = band;
    this.#cancelable = cancelable;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  admit(): void {
    this.#state = "admitted";
    this.stopTimer();
    if (!this.#cancelable) return this.#resolve(this.value as never);
    // Still to be called off until the tick's end: a caller that is canceled along with the release must not go on.
    queueMicrotask(() => {
      if (this.#state === "ended") return;
      this.#end();
      this.#resolve(this.value as never);
    });
  }

  refuse(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  /** What its promise is resolved with. */
  protected get value(): unknown {
    return undefined;
  }

  protected stopTimer(): void {
    this.cancelTimer?.();
  }

  #end(): void {
    this.#state = "ended";
    this.stopTimer();
    this.source?.unlink(this);
  }

  override notify(why: Cancellation): void {
    if (this.#state === "waiting") return this.#host.giveUp(this, why.reason);
    if (this.#state === "ended") return;
    this.refuse(why.reason);
    hooks?.calledOff(this);
    this.#host.callOff(this);
  }
}
