import type { CancelContext } from "../../concurrency/context.ts";
import { Context } from "../../concurrency/context.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { interrupted, toBackendError, unanswered } from "./etcd-failures.ts";
import type { KeyValue, RangeRequest, WatchEvent, WatchResponse } from "./etcd-messages.ts";
import { range, sortOrder, sortTarget, watch } from "./etcd-messages.ts";

/** Who is told of the keys below a prefix. @internal */
export interface KeysListener {
  /** What it has seen so far: events up to here are known. */
  readonly revision: bigint;
  /** All keys there are, in the order they were created: what was known before is past. */
  adopt(kvs: readonly KeyValue[], revision: bigint): void;
  /** What has changed since. Some of it may be known. */
  apply(events: readonly WatchEvent[]): void;
  /** From now on it is told of all that changes. */
  connected(): void;
  disconnected(error: unknown): void;
  /** It is told of nothing any more, until `start()`. */
  failed(error: unknown): void;
}

/** All keys that begin with `prefix`, which ends in a slash, in the order they were created. @internal */
export function allBelow(prefix: string): RangeRequest {
  const { ascending } = sortOrder;
  return { key: prefix, rangeEnd: endOf(prefix), sortOrder: ascending, sortTarget: sortTarget.create };
}

/** @internal */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`; // What comes after a slash.
}

const firstPause = 50;
const longestPause = 1000;

/**
 * Follows the keys below a prefix: reads them once, then the changes from that revision on, at another endpoint if the
 * stream breaks. When those changes have been compacted away, reads them all again.
 *
 * @internal
 */
export class PrefixWatch {
  readonly #connection: EtcdConnection;
  readonly #prefix: string;
  readonly #listener: KeysListener;
  readonly #context: CancelContext;
  #isRunning = false;
  #isStale = true;

  constructor(connection: EtcdConnection, prefix: string, listener: KeysListener) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#listener = listener;
    this.#context = Context.root({ clock: connection.clock }).withCancel();
  }

  /** Nothing happens if it runs. */
  start(): void {
    if (this.#isRunning || this.#context.aborted) return;
    this.#isRunning = true;
    void this.#run();
  }

  close(): void {
    this.#context.cancel();
  }

  async #run(): Promise<void> {
    let pause = firstPause;
    const connected = (): void => {
      pause = firstPause;
      this.#listener.connected();
    };
    while (!this.#context.aborted) {
      try {
        if (this.#isStale) await this.#read();
        await this.#follow(connected);
      } catch (error) {
        if (this.#context.aborted) return;
        const isHopeless =
          this.#connection.isClosed || (error as { readonly code?: unknown }).code === "SNOWSHED_FATAL";
        if (isHopeless) {
          this.#isRunning = false;
          this.#isStale = true;
          return this.#listener.failed(error);
        }
        this.#listener.disconnected(error);
      }
      await this.#context.sleep(pause * (0.5 + this.#connection.clock.random() / 2)).catch(() => {});
      pause = Math.min(2 * pause, longestPause);
    }
  }

  async #read(): Promise<void> {
    const { answer } = await this.#connection.call(range, allBelow(this.#prefix));
    if (this.#context.aborted) return;
    this.#listener.adopt(answer.kvs, answer.header!.revision);
    this.#isStale = false;
  }

  /** Rejects when the stream has ended. */
  #follow(connected: () => void): Promise<never> {
    const { clock, timeout } = this.#connection;
    const createRequest = {
      key: this.#prefix,
      rangeEnd: endOf(this.#prefix),
      startRevision: this.#listener.revision + 1n,
    };
    return new Promise((_resolve, reject) => {
      let close: (() => void) | null = null;
      let isOver = false;
      const end = (error: unknown): void => {
        isOver = true;
        cancelTimer();
        stop();
        close?.();
        reject(isBackendError(error) ? error : toBackendError("Watch", error));
      };
      const cancelTimer = clock.setTimeout(() => end(unanswered(`no answer within ${timeout} ms`)), timeout);
      const stop = this.#context.onAbort(end);
      const answer = (response: WatchResponse): void => {
        if (response.canceled) {
          // What it was to go on from is gone, or nobody says why it ended: in either case all is read again.
          this.#isStale = true;
          return end(interrupted(response.cancelReason || `compacted up to ${response.compactRevision}`));
        }
        if (response.created) {
          cancelTimer();
          connected();
        }
        if (response.events.length > 0) this.#listener.apply(response.events);
      };
      this.#connection.open(watch, { createRequest }, { answer, end }).then((opened) => {
        close = opened;
        if (isOver) opened();
      }, end);
    });
  }
}

function isBackendError(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === "SNOWSHED_FATAL" || code === "SNOWSHED_BACKEND_UNAVAILABLE";
}
