import type { Clock } from "../../clock.ts";
import type { ConsumerListener, ConsumerPort, Position } from "./consumer-port.ts";
import { partitionKey } from "./consumer-port.ts";
import type { KafkaJsBatchPayload, KafkaJsConsumerLike } from "./kafka-like.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";

interface Settings {
  readonly topics: readonly string[];
  readonly start: "earliest" | "latest";
  readonly clock: Clock;
}

/** How often it asks whether the group wants a heartbeat: the client sends one when it is due. */
const heartbeatEvery = 500;
/** So many partitions are taken from at once. The client asks each of these workers after each fetch: more are not free. */
const mostPartitions = 1000;

/**
 * Consumes with a consumer of kafkajs, by its `eachBatch`. The client joins again only after the batches under way have ended:
 * so a rebalance is held up by not ending them.
 *
 * @internal
 */
export class KafkaJsConsumer implements ConsumerPort {
  readonly #client: KafkaJsConsumerLike;
  readonly #settings: Settings;
  #handOver: Promise<void> | null = null;
  #assigned = new Set<string>();
  /** What the client asks for next of a partition, as far as this assignment has seen. */
  readonly #next = new Map<string, bigint>();
  #removers: (() => void)[] = [];
  #isStopped = false;

  constructor(client: KafkaJsConsumerLike, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
  }

  async start(listener: ConsumerListener): Promise<void> {
    this.#isStopped = false;
    const client = this.#client;
    const joined = new Promise<void>((resolve, reject) => {
      this.#removers = [
        client.on("consumer.group_join", ({ payload }) => {
          if (this.#isStopped) return;
          if (this.#handOver === null && this.#assigned.size > 0) listener.onLost();
          this.#handOver = null;
          const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, numbers]) =>
            numbers.map((partition) => ({ topic, partition })),
          );
          this.#assigned = new Set(partitions.map(partitionKey));
          this.#next.clear();
          listener.onAssigned(partitions);
          resolve();
        }),
        client.on("consumer.end_batch_process", ({ payload: { topic, partition, batchSize, lastOffset } }) => {
          // One with nothing for the application comes to no handler.
          if (batchSize > 0 || !this.#assigned.has(partitionKey({ topic, partition }))) return;
          this.#pass({ topic, partition }, lastOffset, listener);
        }),
        client.on("consumer.crash", ({ payload }) => {
          if (this.#isStopped) return;
          listener.onLost();
          this.#assigned.clear();
          listener.onFailure(payload.error, !payload.restart);
          if (!payload.restart) reject(payload.error);
        }),
      ];
    });
    joined.catch(() => {});
    await client.subscribe({ topics: [...this.#settings.topics], fromBeginning: this.#settings.start === "earliest" });
    await client.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: mostPartitions,
      eachBatch: (payload: KafkaJsBatchPayload) => this.#take(payload, listener),
    });
    await joined;
  }

  commit(positions: readonly Position[]): Promise<void> {
    const offsets = positions.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) }));
    return this.#client.commitOffsets(offsets);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const remove of this.#removers) remove();
    await this.#client.stop();
  }

  async #take(payload: KafkaJsBatchPayload, listener: ConsumerListener): Promise<void> {
    const { topic, partition } = payload.batch;
    const messages = payload.batch.messages.map((message) => convert(topic, partition, message));
    const last = messages.at(-1);
    if (last === undefined || this.#isStopped || !this.#assigned.has(partitionKey(last))) return;
    this.#checkJump(payload, listener);
    const taken = listener.onMessages({ topic, partition }, messages).isDone.then(() => true);
    let isTaken = false;
    while (!isTaken && !this.#isStopped && payload.isRunning()) {
      let cancel: (() => void) | null = null;
      const tick = new Promise<boolean>((resolve) => {
        cancel = this.#settings.clock.setTimeout(() => resolve(false), heartbeatEvery);
      });
      isTaken = await Promise.race([taken, tick]);
      (cancel as (() => void) | null)?.();
      await this.#beat(payload, listener);
    }
    // Those that were given are the runner's, finished or not: what it does not commit comes again after the next rebalance.
    if (isTaken) {
      payload.resolveOffset(String(last.offset));
      this.#pass({ topic, partition }, payload.batch.lastOffset(), listener);
    }
    await this.#beat(payload, listener);
  }

  /** Where its position is out of the log, the client goes to the one end or the other by itself, and tells nobody. */
  #checkJump({ batch: { topic, partition, fetchedOffset } }: KafkaJsBatchPayload, listener: ConsumerListener): void {
    const next = this.#next.get(partitionKey({ topic, partition }));
    if (next === undefined || fetchedOffset === undefined) return;
    const fetched = BigInt(fetchedOffset);
    if (fetched < next) this.#restart({ topic, partition }, listener);
    else if (fetched > next) listener.onSkipped({ topic, partition }, next, fetched);
  }

  #pass(partition: TopicPartition, lastOffset: string, listener: ConsumerListener): void {
    const next = BigInt(lastOffset) + 1n;
    const before = this.#next.get(partitionKey(partition));
    if (before !== undefined && next < before) this.#restart(partition, listener);
    this.#next.set(partitionKey(partition), next);
    listener.onPassed(partition, next);
  }

  #restart(partition: TopicPartition, listener: ConsumerListener): void {
    this.#next.delete(partitionKey(partition));
    listener.onRestart(partition);
  }

  async #beat(payload: KafkaJsBatchPayload, listener: ConsumerListener): Promise<void> {
    try {
      await payload.heartbeat();
    } catch (error) {
      const { type } = error as { readonly type?: unknown };
      if (type === "REBALANCE_IN_PROGRESS") this.#handOver ??= listener.onRevoked();
      else if (type === "UNKNOWN_MEMBER_ID" || type === "ILLEGAL_GENERATION") listener.onLost();
      await this.#handOver;
      throw error;
    }
  }
}

function convert(
  topic: string,
  partition: number,
  message: KafkaJsBatchPayload["batch"]["messages"][number],
): ConsumedMessage & TopicPartition {
  const headers = new Map<string, Buffer>();
  for (const [name, given] of Object.entries(message.headers ?? {})) {
    const value = Array.isArray(given) ? given.at(-1) : given;
    headers.set(name, Buffer.from(value ?? ""));
  }
  return {
    topic,
    partition,
    key: message.key,
    value: message.value,
    headers,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
  };
}
