import type { ConsumedMessage, ConsumerEvent, ConsumerRunnerOptions, KafkaEvent } from "snowshed/kafka";
import { ConsumerRunner, deduplicated, deduplicatedBatch, idempotentProducer } from "snowshed/kafka";
import type { IdempotentProducer } from "snowshed/kafka";
import { CircuitBreaker, FatalError, Limiter, SnowshedError, fixed } from "snowshed";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { KafkaCluster } from "../../support/kafka.ts";
import { startKafka } from "../../support/kafka.ts";
import type { KafkaClientKind } from "../../support/kafka-clients.ts";
import { kafkaClients, platformatic } from "../../support/kafka-clients.ts";
import { MemoryStore } from "../../support/memory-store.ts";

let kafka: KafkaCluster;
const cleanups: (() => Promise<unknown>)[] = [];
let topics = 0;

beforeAll(async () => {
  kafka = await startKafka();
}, 120_000);
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => kafka.stop());

async function topicOf(partitions: number): Promise<string> {
  const topic = `topic-${topics++}`;
  await kafka.createTopic(topic, partitions);
  return topic;
}

async function producerOf(kind: KafkaClientKind = platformatic): Promise<IdempotentProducer> {
  const { client, close } = await kind.producer(kafka.bootstrap);
  cleanups.push(close);
  return idempotentProducer(client);
}

async function runnerOf(
  options: ConsumerRunnerOptions,
  kind: KafkaClientKind = platformatic,
  group: string = `group-${topics++}`,
): Promise<{ runner: ConsumerRunner; events: ConsumerEvent[] }> {
  const { client, close } = await kind.consumer(kafka.bootstrap, group);
  const events: ConsumerEvent[] = [];
  const runner = new ConsumerRunner(client, {
    commitInterval: 50,
    handOverTimeout: "3s",
    retry: { attempts: 3, backoff: { initial: 10, maximum: 50 } },
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanups.push(async () => {
    await runner.stop({ timeout: 1000 });
    await close();
  });
  await runner.start();
  return { runner, events };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function mintAll(producer: IdempotentProducer, topic: string, count: number, keys: number): KafkaEvent[] {
  return Array.from({ length: count }, (_, index) =>
    producer.mint({ topic, type: "counted", key: `key-${index % keys}`, value: String(index) }),
  );
}

const text = ({ value }: ConsumedMessage): string => value?.toString() ?? "";

describe.each(kafkaClients)("with $name", (kind) => {
  test("every message is handled once, those of a key in their order, and what is done is committed", async () => {
    const topic = await topicOf(3);
    const producer = await producerOf(kind);
    const group = `group-${topics++}`;
    const seen: ConsumedMessage[] = [];
    const most = { now: 0, ever: 0 };
    const handler = async (message: ConsumedMessage): Promise<void> => {
      most.ever = Math.max(most.ever, ++most.now);
      await new Promise((resolve) => setTimeout(resolve, Number(message.offset) % 3));
      most.now--;
      seen.push(message);
    };
    const { runner } = await runnerOf({ topics: [topic], handler }, kind, group);
    await producer.send(mintAll(producer, topic, 300, 20));
    await until(() => seen.length >= 300, "all were handled");
    expect(new Set(seen.map(text)).size).toBe(300);
    expect(seen).toHaveLength(300);
    expect(most.ever).toBeGreaterThan(1);
    expect(most.ever).toBeLessThanOrEqual(10);
    for (let key = 0; key < 20; key++) {
      const own = seen.filter((message) => message.key?.toString() === `key-${key}`).map((message) => Number(text(message)));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    await until(
      () => runner.inspect().partitions.every(({ position, committed, pending }) => pending === 0 && position === committed),
      "all is committed",
    );
    await runner.stop();
    expect(runner.inspect()).toMatchObject({ state: "stopped", active: 0, partitions: [] });
    // The next one of the group has nothing left to do.
    const again: string[] = [];
    const next = await runnerOf({ topics: [topic], handler: (message) => again.push(text(message)) }, kind, group);
    await producer.send(producer.mint({ topic, type: "counted", key: "key-0", value: "last" }));
    await until(() => again.length > 0, "the last one came");
    expect(again).toEqual(["last"]);
    await next.runner.stop();
  }, 30_000);

  test("a second member takes over half, and nothing is done twice", async () => {
    const topic = await topicOf(4);
    const producer = await producerOf(kind);
    const group = `group-${topics++}`;
    const seen: string[] = [];
    const handler = async (message: ConsumedMessage): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push(text(message));
    };
    const first = await runnerOf({ topics: [topic], handler, concurrency: 4 }, kind, group);
    const sent: Promise<void>[] = [];
    for (const event of mintAll(producer, topic, 400, 40)) sent.push(producer.send(event));
    await until(() => seen.length > 50, "the first one is at work");
    const second = await runnerOf({ topics: [topic], handler, concurrency: 4 }, kind, group);
    await Promise.all(sent);
    await until(() => seen.length >= 400, "all were handled");
    expect(new Set(seen).size).toBe(400);
    expect(second.runner.inspect().partitions).toHaveLength(2);
    await until(() => first.runner.inspect().partitions.length === 2, "the first one has the other half");
    expect(first.events.map(({ type }) => type)).toContain("revoked");
    expect(seen.length - 400).toBe(0);
  }, 30_000);
});

export { deduplicated, deduplicatedBatch, FatalError, CircuitBreaker, Limiter, SnowshedError, fixed, MemoryStore };
