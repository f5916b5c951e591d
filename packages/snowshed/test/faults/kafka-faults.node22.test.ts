// Three brokers, two members of a group, one store: whatever dies, each event has its effect, and has it once.
import { Consumer } from "@platformatic/kafka";
import type { IdempotentProducer, MintedEvent } from "snowshed/kafka";
import { ConsumerRunner, deduplicated, idempotentProducer } from "snowshed/kafka";
import { expect, test } from "vitest";
import { platformatic } from "../support/kafka-clients.ts";
import type { RunningConsumer } from "../support/kafka-workbench.ts";
import { mintAll, text, until, useKafka } from "../support/kafka-workbench.ts";
import { MemoryStore } from "../support/memory-store.ts";

const { cluster, topicOf, groupOf, producerOf, runnerOf, after } = useKafka({ nodes: 3 });

/** Again until they were written, and the same events: a send that rejects may have written them all the same. */
async function send(producer: IdempotentProducer, events: readonly MintedEvent[]): Promise<void> {
  for (;;) {
    try {
      return await producer.send(events);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

test("a broker is killed, and another hangs for longer than sessions last", async () => {
  const topic = await topicOf(6);
  const producer = await producerOf();
  const store = new MemoryStore();
  const group = groupOf();
  const handler = deduplicated(
    async (message, effects: string[]) => {
      await new Promise((resolve) => setTimeout(resolve, 2));
      effects.push(text(message));
    },
    { store },
  );
  const members: RunningConsumer[] = [];
  for (let member = 0; member < 2; member++) {
    members.push(await runnerOf({ topics: [topic], handler, concurrency: 5 }, undefined, group));
  }
  const events = mintAll(producer, topic, 900, 50);
  const sent: Promise<void>[] = [];
  const feed = async (from: number, to: number): Promise<void> => {
    for (let index = from; index < to; index += 10) {
      sent.push(send(producer, events.slice(index, index + 10)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await feed(0, 300);
  await until(() => store.effects.length > 100, "they are at work");
  const [first, second] = cluster().brokers;
  await first!.kill();
  await feed(300, 600);
  await until(() => store.effects.length > 400, "they go on without it");
  await first!.start();
  second!.signal("SIGSTOP");
  await feed(600, 900);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  second!.signal("SIGCONT");
  await Promise.all(sent);
  await until(() => store.effects.length >= 900, "every event had its effect");
  const isCommitted = (): boolean => {
    const partitions = members.flatMap(({ runner }) => runner.inspect().partitions);
    return partitions.length === 6 && partitions.every(({ pending }) => pending === 0);
  };
  await until(isCommitted, "nothing is left, and each partition is somebody's");
  expect(store.effects).toHaveLength(900);
  expect(new Set(store.effects).size).toBe(900);
  for (const { runner } of members)
    expect(runner.inspect()).toMatchObject({ state: "running", counts: { deadLetters: 0 } });
}, 120_000);

test("a group whose brokers all hang until it is forgotten comes back, and a send has an end", async () => {
  const topic = await topicOf(3);
  const { client, close } = await platformatic.producer(cluster().bootstrap);
  after(close);
  const producer = idempotentProducer(client, { deadline: 2000 });
  const store = new MemoryStore();
  const handler = deduplicated((message, effects: string[]) => void effects.push(text(message)), { store });
  const { runner } = await runnerOf({ topics: [topic], handler });
  const events = mintAll(producer, topic, 60, 10);
  await send(producer, events.slice(0, 30));
  await until(() => store.effects.length === 30, "the first half is done");
  for (const broker of cluster().brokers) broker.signal("SIGSTOP");
  const began = performance.now();
  await expect(producer.send(events.slice(30))).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  expect(performance.now() - began).toBeGreaterThanOrEqual(2000);
  await new Promise((resolve) => setTimeout(resolve, 6000));
  for (const broker of cluster().brokers) broker.signal("SIGCONT");
  await send(producer, events.slice(30));
  await until(() => store.effects.length === 60, "the second half is done");
  await until(() => runner.inspect().partitions.length === 3, "the partitions are its own");
  await until(() => runner.inspect().partitions.every(({ pending }) => pending === 0), "nothing is left");
  expect(new Set(store.effects).size).toBe(60);
}, 120_000);

// The last of the file: the broker is not started again.
test("while the coordinator of a group is away, positions are committed to the next one", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const options = { clientId: "quiet", bootstrapBrokers: cluster().bootstrap, groupId: groupOf() };
  // It hears nothing of the coordinator until it has something to commit.
  const session = { sessionTimeout: 30_000, rebalanceTimeout: 30_000, heartbeatInterval: 20_000 };
  const client = new Consumer({ ...options, ...session, retryDelay: 50, connectTimeout: 1000 });
  after(() => client.close(true));
  const runner = new ConsumerRunner(client, { topics: [topic], handler: () => {}, commitInterval: 50 });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  await send(producer, mintAll(producer, topic, 5, 1));
  await until(() => runner.inspect().partitions[0]?.committed === 5n, "the first are committed");
  const id = client.coordinatorId;
  const coordinator = cluster().brokers.find((broker) => broker.id === id)!;
  await coordinator.kill();
  await until(() => client.currentMetadata?.brokers.has(id!) === false, "the client knows that it is gone");
  await send(producer, mintAll(producer, topic, 5, 1));
  await until(() => runner.inspect().partitions[0]?.committed === 10n, "all are");
  expect(client.coordinatorId).not.toBe(id);
}, 120_000);
