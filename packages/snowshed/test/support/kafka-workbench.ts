import type {
  ConsumedMessage,
  ConsumerEvent,
  ConsumerRunnerOptions,
  IdempotentProducer,
  MintedEvent,
} from "snowshed/kafka";
import { ConsumerRunner, idempotentProducer } from "snowshed/kafka";
import { afterAll, afterEach, beforeAll } from "vitest";
import type { KafkaCluster, KafkaOptions } from "./kafka.ts";
import { startKafka } from "./kafka.ts";
import type { KafkaClientKind } from "./kafka-clients.ts";
import { platformatic } from "./kafka-clients.ts";

export interface RunningConsumer {
  readonly runner: ConsumerRunner;
  readonly events: ConsumerEvent[];
}

export interface KafkaWorkbench {
  readonly cluster: () => KafkaCluster;
  /** A new one. */
  readonly topicOf: (partitions: number) => Promise<string>;
  readonly groupOf: () => string;
  readonly producerOf: (kind?: KafkaClientKind) => Promise<IdempotentProducer>;
  /** A runner that has joined its group. */
  readonly runnerOf: (
    options: ConsumerRunnerOptions,
    kind?: KafkaClientKind,
    group?: string,
  ) => Promise<RunningConsumer>;
  /** Done after the test, the latest first. */
  readonly after: (cleanup: () => Promise<unknown>) => void;
}

/** One broker for a test file; topics, groups and clients for each test. */
export function useKafka(options: KafkaOptions = {}): KafkaWorkbench {
  let cluster: KafkaCluster | undefined;
  const cleanups: (() => Promise<unknown>)[] = [];
  let made = 0;
  beforeAll(async () => {
    cluster = await startKafka(options);
  }, 240_000);
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  }, 60_000);
  afterAll(() => cluster?.stop());

  const groupOf = (): string => `group-${made++}`;
  return {
    cluster: () => cluster!,
    topicOf: async (partitions) => {
      const topic = `topic-${made++}`;
      await cluster!.createTopic(topic, partitions);
      return topic;
    },
    groupOf,
    producerOf: async (kind = platformatic) => {
      const { client, close } = await kind.producer(cluster!.bootstrap);
      cleanups.push(close);
      return idempotentProducer(client);
    },
    runnerOf: async (own, kind = platformatic, group = groupOf()) => {
      const { client, close } = await kind.consumer(cluster!.bootstrap, group);
      const events: ConsumerEvent[] = [];
      const runner = new ConsumerRunner(client, {
        commitInterval: 50,
        handOverTimeout: "3s",
        retry: { attempts: 3, backoff: { initial: 10, maximum: 50 } },
        onEvent: (event) => events.push(event),
        ...own,
      });
      cleanups.push(async () => {
        await runner.stop({ timeout: 1000 });
        await close();
      });
      // A cluster that has just begun makes the topic of all positions first, and has no coordinator until then.
      for (let attempt = 1; runner.inspect().state !== "running"; attempt++) {
        await runner.start().catch((error: unknown) => {
          if (attempt === 10) throw error;
        });
      }
      return { runner, events };
    },
    after: (cleanup) => void cleanups.push(cleanup),
  };
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 25_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 25 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Of values "0", "1", ..., and so many keys. */
export function mintAll(producer: IdempotentProducer, topic: string, count: number, keys: number): MintedEvent[] {
  return Array.from({ length: count }, (_, index) =>
    producer.mint({ topic, type: "counted", key: `key-${index % keys}`, value: String(index) }),
  );
}

export const text = ({ value }: ConsumedMessage): string => value?.toString() ?? "";
