import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import { identityOf } from "../../delivery/event-identity.ts";
import type { EventDraft, MintedEvent } from "../../delivery/event.ts";
import { EventMint, fieldsOf } from "../../delivery/event.ts";
import type { Duration } from "../../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, DeadlineExceededError, invalidArgument, SnowshedError } from "../../errors.ts";
import { ExpiryList } from "../../overload/expiry.ts";
import type { KafkaProducerLike } from "./kafka-like.ts";
import { PendingSend } from "./pending-send.ts";
import type { ProducerPort } from "./producer-port.ts";
import { producerPort } from "./producer-port.ts";

export interface IdempotentProducerOptions {
  /** How long a send may take, waiting included. The clients retry for ever by themselves. Default: `"30s"`. */
  readonly deadline?: Duration | undefined;
  /** How many events go to the client at once at most. Default: 500. */
  readonly batchSize?: number | undefined;
  /** So many events may wait; more are refused with `SNOWSHED_LIMIT_EXCEEDED`. Default: 10,000. */
  readonly maxQueued?: number | undefined;
  readonly clock?: Clock | undefined;
}

export interface ProducerInspection {
  /** Events that wait for the client. */
  readonly queued: number;
  /** Events that the client has, those included whose sender has given up. */
  readonly inFlight: number;
  /** Events that were written, by the client's word. */
  readonly written: number;
  /** Events that the client rejected. */
  readonly failed: number;
  /** Events whose deadline passed, or whose sender left. */
  readonly expired: number;
}

/**
 * Writes events so that the broker keeps each once, in the order they were sent, on all replicas in sync: with the client's
 * idempotence and `acks: all`, one batch after the other, and an end: what is not written at the deadline is not waited for.
 *
 * Throws (`SNOWSHED_INVALID_ARGUMENT`) for a client that was made with other settings: without `idempotent: true`, with `acks`
 * other than all, without retries, with serializers. The client stays the caller's, who closes it.
 *
 * @example
 * ```ts
 * import { idempotentProducer, type KafkaProducerLike } from "snowshed/kafka";
 *
 * export async function pay(client: KafkaProducerLike): Promise<void> {
 *   const producer = idempotentProducer(client, { deadline: "10s" });
 *   const event = producer.mint({ topic: "orders", type: "order.paid", key: "17", value: '{"amount":5}' });
 *   await producer.send(event); // Again after an error: with the same event.
 * }
 * ```
 */
export function idempotentProducer(
  client: KafkaProducerLike,
  options: IdempotentProducerOptions = {},
): IdempotentProducer {
  return new IdempotentProducer(client, options);
}

/**
 * What {@link idempotentProducer} makes.
 *
 * @example
 * ```ts
 * import { idempotentProducer, type KafkaProducerLike } from "snowshed/kafka";
 *
 * export function waitingOf(client: KafkaProducerLike): number {
 *   return idempotentProducer(client).inspect().queued;
 * }
 * ```
 */
export class IdempotentProducer {
  readonly #write: ProducerPort;
  readonly #batchSize: number;
  readonly #maxQueued: number;
  readonly #clock: Clock;
  readonly #deadlines: ExpiryList;
  readonly #mint: EventMint;
  readonly #queue = new Set<PendingSend>();
  #queued = 0;
  #inFlight = 0;
  #written = 0;
  #failed = 0;
  #expired = 0;
  #idleWaiters: (() => void)[] = [];

  constructor(client: KafkaProducerLike, options: IdempotentProducerOptions = {}) {
    const { deadline = 30_000, batchSize = 500, maxQueued = 10_000, clock = systemClock } = options;
    checkInteger(batchSize, "batchSize", 1);
    checkInteger(maxQueued, "maxQueued", 1);
    this.#deadlines = new ExpiryList(clock, toMillisecondsInRange(deadline, "deadline", aboveZero, finite));
    this.#batchSize = batchSize;
    this.#maxQueued = maxQueued;
    this.#clock = clock;
    this.#mint = new EventMint(clock);
    this.#write = producerPort(client);
  }

  /**
   * Gives an event its identity, once and for all: where it happens, before anything can fail. Keep it for as long as it may have
   * to be sent again. Of two events from here no two have the same identity, also in the same trace at the same time.
   */
  mint(draft: EventDraft): MintedEvent {
    return this.#mint.mint(draft, "event");
  }

  /**
   * Writes events; resolves when all replicas in sync have them. Throws (`SNOWSHED_INVALID_ARGUMENT`) for one without an identity.
   *
   * Rejects with `SNOWSHED_DEADLINE_EXCEEDED` when it takes too long, with the cancellation when `signal` aborts, and as the client
   * does. Each of them may have been written all the same, unless the message says that it was not: send the same event again.
   * Rejects with `SNOWSHED_LIMIT_EXCEEDED` when too many wait: then none was written.
   */
  send(
    events: MintedEvent | readonly MintedEvent[],
    options?: { readonly signal?: AbortSignal | Context | undefined },
  ): Promise<void> {
    const all = Array.isArray(events) ? (events as readonly MintedEvent[]) : [events as MintedEvent];
    for (const event of all) {
      const fields = fieldsOf(event.headers);
      if (identityOf(fields) === undefined) {
        throw invalidArgument(TypeError, "events", "minted: with an identity in the headers", fields.eventType);
      }
    }
    return this.write(all, options?.signal);
  }

  /** Resolves when nothing waits, and the client has settled all that it had. */
  flush(): Promise<void> {
    if (this.#queued === 0 && this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
    });
  }

  inspect(): ProducerInspection {
    return {
      queued: this.#queued,
      inFlight: this.#inFlight,
      written: this.#written,
      failed: this.#failed,
      expired: this.#expired,
    };
  }

  /** The same without an identity: a dead letter may have none. @internal */
  async write(events: readonly MintedEvent[], signal?: AbortSignal | Context): Promise<void> {
    const context = contextOf(signal, this.#clock);
    context.throwIfAborted();
    const count = events.length;
    if (count === 0) return;
    if (this.#queued + count > this.#maxQueued) {
      const why = `${this.#queued} events wait to be written, and at most ${this.#maxQueued} may`;
      throw new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", why);
    }
    await new Promise<void>((resolve, reject) => {
      const send = new PendingSend(events, resolve, reject, (isSent) => {
        const known = isSent ? "it may be written all the same: send the same event again" : "it was not written";
        this.#giveUp(send, new DeadlineExceededError(`not written within ${this.#deadlines.ms} ms; ${known}`));
      });
      if (signal !== undefined) {
        send.stopListening = context.onAbort((reason) => this.#giveUp(send, reason as Error));
      }
      this.#queue.add(send);
      this.#queued += count;
      this.#deadlines.add(send, this.#clock.now());
      this.#pump();
    });
  }

  #giveUp(send: PendingSend, reason: Error): void {
    this.#deadlines.remove(send);
    if (!send.isSent) {
      this.#queue.delete(send);
      this.#queued -= send.events.length;
      this.#expired += send.events.length;
      send.reject(reason);
      this.#checkIdle();
    } else if (send.reject(reason)) this.#expired += send.events.length;
  }

  /** One batch at a time: a second one would overtake the first when that has to be sent again. */
  #pump(): void {
    if (this.#inFlight > 0 || this.#queue.size === 0) return;
    let count = 0;
    const batch: PendingSend[] = [];
    for (const send of this.#queue) {
      if (count > 0 && count + send.events.length > this.#batchSize) break;
      count += send.events.length;
      batch.push(send);
      this.#queue.delete(send);
    }
    this.#queued -= count;
    this.#inFlight = count;
    for (const send of batch) send.isSent = true;
    void this.#deliver(batch, count);
  }

  async #deliver(batch: readonly PendingSend[], count: number): Promise<void> {
    try {
      await this.#write(batch.flatMap(({ events }) => events));
      this.#written += count;
      for (const send of batch) send.resolve();
    } catch (error) {
      this.#failed += count;
      for (const send of batch) send.reject(error);
    } finally {
      for (const send of batch) this.#deadlines.remove(send);
      this.#inFlight = 0;
      this.#pump();
      this.#checkIdle();
    }
  }

  #checkIdle(): void {
    if (this.#queued > 0 || this.#inFlight > 0) return;
    for (const resolve of this.#idleWaiters) resolve();
    this.#idleWaiters = [];
  }
}
