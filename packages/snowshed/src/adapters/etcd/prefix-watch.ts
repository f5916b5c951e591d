import type { CancelContext } from "../../concurrency/context.ts";
import { Context } from "../../concurrency/context.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { interrupted, toBackendError, unanswered } from "./etcd-failures.ts";
import type { KeyValue, RangeRequest, WatchEvent, WatchResponse } from "./etcd-messages.ts";
import { range, sortOrder, sortTarget, watch } from "./etcd-messages.ts";

/** Who is told of the keys below a prefix. @internal */
export interface KeysListener {
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
 * Follows the keys below a prefix. Each time the stream begins, at another endpoint if the last one broke, all keys are
 * read again once it has begun: what was missed is in what is read.
 *
 * The changes that were missed are not asked for by their revisions. They may have been compacted away; and of a deletion
 * at the very revision of a compaction some versions of etcd say nothing at all, not even that it is missing.
 *
 * @internal
 */
export class PrefixWatch {
  readonly #connection: EtcdConnection;
  readonly #prefix: string;
  readonly #listener: KeysListener;
  readonly #context: CancelContext;
  #isRunning = false;

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
      const error: unknown = await this.#follow(connected).catch((reason: unknown) => reason);
      if (this.#context.aborted) return;
      if (this.#connection.isClosed || isFatal(error)) {
        this.#isRunning = false;
        return this.#listener.failed(error);
      }
      this.#listener.disconnected(error);
      await this.#context.sleep(pause * (0.5 + this.#connection.clock.random() / 2)).catch(() => {});
      pause = Math.min(2 * pause, longestPause);
    }
  }

  /** Rejects when the stream has ended. */
  #follow(connected: () => void): Promise<never> {
    const { clock, timeout } = this.#connection;
    const createRequest = { key: this.#prefix, rangeEnd: endOf(this.#prefix) };
    return new Promise((_resolve, reject) => {
      let close: (() => void) | null = null;
      let isOver = false;
      /** What has come before all keys were read; null: they were. */
      let early: WatchEvent[] | null = [];
      const end = (error: unknown): void => {
        isOver = true;
        cancelTimer();
        stop();
        close?.();
        reject(isBackendError(error) ? error : toBackendError("Watch", error));
      };
      const cancelTimer = clock.setTimeout(() => end(unanswered(`no answer within ${timeout} ms`)), timeout);
      const stop = this.#context.onAbort(end);
      const read = async (): Promise<void> => {
        const { answer: all } = await this.#connection.call(range, allBelow(this.#prefix));
        if (isOver) return;
        this.#listener.adopt(all.kvs, all.header!.revision);
        this.#listener.apply(early!);
        early = null;
        connected();
      };
      const answer = (response: WatchResponse): void => {
        if (response.canceled) {
          const error = interrupted(response.cancelReason || `compacted up to ${response.compactRevision}`);
          // If it is not allowed, a request is refused in so many words.
          const asked = this.#connection.call(range, { key: this.#prefix });
          return void asked.then(() => end(error), end);
        }
        if (response.created) {
          cancelTimer();
          read().catch(end);
        }
        if (early === null) this.#listener.apply(response.events);
        else early.push(...response.events);
      };
      this.#connection.open(watch, { createRequest }, { answer, end }).then((opened) => {
        close = opened;
        if (isOver) opened();
      }, end);
    });
  }
}

function isFatal(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === "SNOWSHED_FATAL";
}

function isBackendError(error: unknown): boolean {
  return isFatal(error) || (error as { readonly code?: unknown }).code === "SNOWSHED_BACKEND_UNAVAILABLE";
}
