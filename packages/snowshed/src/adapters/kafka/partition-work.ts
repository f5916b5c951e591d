import type { CancelContext, Context } from "../../concurrency/context.ts";
import type { TakenOffset } from "../../delivery/contiguous-offsets.ts";
import { ContiguousOffsets } from "../../delivery/contiguous-offsets.ts";
import type { Turn } from "../../delivery/key-ordered-queue.ts";
import { KeyOrderedQueue } from "../../delivery/key-ordered-queue.ts";
import type { Assigned } from "./consumer-port.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";
import type { PartitionInspection } from "./runner-events.ts";

/** A message on its way. @internal */
export interface Entry {
  readonly message: ConsumedMessage;
  readonly taken: TakenOffset;
  /** Attempts that failed by the message's own fault. */
  attempts: number;
  /** The wait before the attempt that is next. */
  delay: number;
  /** The batch it was in failed: it is tried for itself. */
  isAlone: boolean;
  /** Why it has no key: `orderBy` threw. It is not handled, since nobody knows after what. */
  readonly keyError: { readonly error: unknown } | null;
}

const isAlone = (entry: Entry): boolean => entry.isAlone;

/** What is known and under way of one partition, for as long as it is this consumer's. @internal */
export class PartitionWork {
  readonly partition: TopicPartition;
  /** Ends when the partition is lost. */
  readonly context: CancelContext;
  readonly queue: KeyOrderedQueue<Entry> = new KeyOrderedQueue();
  #offsets = new ContiguousOffsets();
  readonly #first: bigint | undefined;
  /** What the broker was told. */
  committed: bigint | undefined;
  /** Handlers that run, in messages. */
  active = 0;
  /** Pauses without a success in between. */
  pauses = 0;
  /** Nothing more is begun. */
  isClosing = false;
  #undone = 0;
  #cancelPause: (() => void) | null = null;
  readonly #mostPending: number;
  #roomWaiters: (() => void)[] = [];
  #doneWaiters: (() => void)[] = [];

  constructor({ topic, partition, first }: Assigned, parent: Context, mostPending: number) {
    this.partition = { topic, partition };
    this.#first = first;
    this.context = parent.withCancel();
    this.#mostPending = mostPending;
  }

  get isPaused(): boolean {
    return this.#cancelPause !== null;
  }

  get hasReady(): boolean {
    return !this.isPaused && !this.isClosing && this.queue.hasReady;
  }

  get position(): bigint | undefined {
    return this.#offsets.position ?? this.#first;
  }

  /** The log begins anew. What was taken of the old one is finished, and counts for no position. */
  restart(): void {
    this.#offsets = new ContiguousOffsets();
    this.committed = undefined;
  }

  /** Those that were taken before are passed over: a client may deliver again what it has no position for. */
  take(message: ConsumedMessage, orderBy: (message: ConsumedMessage) => string | undefined): void {
    const taken = this.#offsets.take(message.offset);
    if (taken === undefined) return;
    this.#undone++;
    let key: string | undefined;
    let keyError: Entry["keyError"] = null;
    try {
      key = orderBy(message);
    } catch (error) {
      keyError = { error };
    }
    this.queue.add(key, { message, taken, attempts: 0, delay: 0, isAlone: keyError !== null, keyError });
  }

  /** Not of one that is closing: it took nothing of what lies before. */
  passTo(offset: bigint): void {
    if (!this.isClosing) this.#offsets.passTo(offset);
  }

  /** Those of a batch; one that must be alone is a batch for itself. */
  takeTurns(batchSize: number): Turn<Entry>[] {
    const turns: Turn<Entry>[] = [];
    let count = 0;
    while (count < batchSize) {
      const turn = this.queue.take(batchSize - count, isAlone);
      if (turn === undefined) break;
      if (turn.items[0]!.isAlone) {
        if (count === 0) turns.push(turn);
        else this.queue.finish(turn, turn.items);
        break;
      }
      turns.push(turn);
      count += turn.items.length;
    }
    return turns;
  }

  done(entry: Entry): void {
    this.#offsets.done(entry.taken);
    this.#undone--;
    this.#settle();
  }

  /** When more may be read. */
  hasRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#roomWaiters.push(resolve);
      this.#settle();
    });
  }

  /** When all that was taken is done, or nobody's any more. */
  isDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#doneWaiters.push(resolve);
      this.#settle();
    });
  }

  /** Nothing is begun until `over` was called back. */
  pause(delay: number, over: () => void): void {
    this.#cancelPause ??= this.context.clock.setTimeout(() => {
      this.#cancelPause = null;
      this.#settle();
      over();
    }, delay);
  }

  /** It is somebody else's: handlers are told, and what they have done counts no more. */
  drop(reason: string): void {
    this.isClosing = true;
    this.#cancelPause?.();
    this.#cancelPause = null;
    this.context.cancel(reason);
    for (const resolve of this.#doneWaiters) resolve();
    this.#doneWaiters = [];
  }

  inspect(): PartitionInspection {
    const { position, committed } = this;
    return {
      ...this.partition,
      pending: this.#undone,
      queued: this.queue.size,
      isPaused: this.isPaused,
      ...(position === undefined ? {} : { position }),
      ...(committed === undefined ? {} : { committed }),
    };
  }

  #settle(): void {
    if (this.#undone === 0) {
      for (const resolve of this.#doneWaiters) resolve();
      this.#doneWaiters = [];
    }
    // Those that are done behind one that is not count, too: they are remembered.
    if (this.isPaused || this.isClosing || this.#offsets.pending >= this.#mostPending) return;
    for (const resolve of this.#roomWaiters) resolve();
    this.#roomWaiters = [];
  }
}
