// What happens to a log while it is read: compaction, marks of transactions, retention, deletion, new partitions.
import { Admin, Consumer, Producer } from "@platformatic/kafka";
import type { ConsumedMessage, ConsumerEvent } from "snowshed/kafka";
import { ConsumerRunner } from "snowshed/kafka";
import { describe, expect, test } from "vitest";
import { kafkaClients, platformatic } from "../../support/kafka-clients.ts";
import { mintAll, text, until, useKafka } from "../../support/kafka-workbench.ts";

/** A cleaner that begins at once, and has enough memory in a small heap. */
const settings = [
  "log.cleaner.enable=true",
  "log.cleaner.backoff.ms=50",
  "log.cleaner.dedupe.buffer.size=4194304",
  "log.cleaner.io.buffer.size=131072",
];
const { cluster, topicOf, groupOf, producerOf, runnerOf, after } = useKafka({ settings });

function adminOf(): Admin {
  const admin = new Admin({ clientId: "admin", bootstrapBrokers: cluster().bootstrap, retryDelay: 100 });
  after(() => admin.close());
  return admin;
}

/** Again until it works: a client may have heard what is not so any more. */
async function eventually(task: () => Promise<void>): Promise<void> {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

function readerOf(groupId = groupOf()): Consumer {
  const client = new Consumer({ clientId: "reader", groupId, bootstrapBrokers: cluster().bootstrap });
  after(() => client.close(true));
  return client;
}

/** Offsets that are there: each answer is of one segment, and those may be cleaned in between. */
async function offsetsOf(client: Consumer, topic: string): Promise<bigint[]> {
  const { topics } = await client.metadata({ topics: [topic] });
  const topicId = topics.get(topic)!.id;
  const from = async (fetchOffset: bigint): Promise<bigint[]> => {
    const where = { partition: 0, currentLeaderEpoch: -1, fetchOffset, lastFetchedEpoch: -1 };
    const partitions = [{ ...where, partitionMaxBytes: 1_000_000 }];
    const { responses } = await client.fetch({ node: 1, maxWaitTime: 1, topics: [{ topicId, partitions }] });
    const batches = responses[0]?.partitions[0]?.records ?? [];
    const last = batches.at(-1);
    if (last === undefined) return [];
    const own = batches.flatMap(({ firstOffset, records }) =>
      records.map(({ offsetDelta }) => firstOffset + BigInt(offsetDelta)),
    );
    return [...own, ...(await from(last.firstOffset + BigInt(last.lastOffsetDelta) + 1n))];
  };
  return from(0n);
}

const deleteUpTo = (admin: Admin, name: string, offset: bigint): Promise<unknown> =>
  admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset }] }] });

const skippedIn = (events: readonly ConsumerEvent[]): [bigint, bigint][] =>
  events.flatMap((event) => (event.type === "skipped" ? [[event.from, event.to] as [bigint, bigint]] : []));

test("what the cleaner has removed holds nothing up, and is no loss", async () => {
  const topic = `compacted-${groupOf()}`;
  const configs = { "cleanup.policy": "compact", "segment.ms": "10", "min.cleanable.dirty.ratio": "0.001" };
  const list = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await adminOf().createTopics({ topics: [topic], partitions: 1, replicas: 1, configs: list });
  const producer = await producerOf();
  const mint = (key: string, value: string | null) => producer.mint({ topic, type: "state", key, value });
  for (let round = 0; round < 4; round++) {
    await producer.send(Array.from({ length: 10 }, (_, index) => mint(`key-${index % 4}`, `${round}-${index}`)));
    // The segment that is written to is not cleaned: the next one begins with the first message after this.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await producer.send(mint("key-0", null));
  const reader = readerOf();
  let left: bigint[] = [];
  while (left.length === 0 || left.length > 10) left = await offsetsOf(reader, topic).catch(() => []);
  expect(left.at(-1)).toBe(40n);
  for (const kind of kafkaClients) {
    const seen: bigint[] = [];
    const { runner, events } = await runnerOf({ topics: [topic], handler: ({ offset }) => seen.push(offset) }, kind);
    await until(() => runner.inspect().partitions[0]?.committed === 41n, "all is committed");
    expect(seen.length).toBeLessThan(41);
    expect(seen.at(-1)).toBe(40n);
    expect(runner.inspect().counts).toMatchObject({ handled: seen.length, skipped: 0 });
    expect(skippedIn(events)).toEqual([]);
    await runner.stop();
  }
}, 60_000);

test("what a transaction wrote that was aborted comes to no handler; with its marks it is passed, and no lag", async () => {
  const topic = await topicOf(1);
  const base = { bootstrapBrokers: cluster().bootstrap, retryDelay: 100, idempotent: true };
  const client = new Producer({ ...base, clientId: "transactions", transactionalId: topic });
  after(() => client.close(true));
  // A cluster that has just begun makes the topic of all transactions first, and has no coordinator until then.
  const begin = async (failures = 0): ReturnType<typeof client.beginTransaction> => {
    try {
      return await client.beginTransaction();
    } catch (error) {
      if (failures === 20) throw error;
      return begin(failures + 1);
    }
  };
  const transact = async (end: "commit" | "abort", ...values: string[]): Promise<void> => {
    const transaction = await begin();
    for (const value of values) {
      const message = { topic, key: Buffer.from("a"), value: Buffer.from(value) };
      await transaction.send({ messages: [message] });
    }
    await transaction[end]();
  };
  // With all that is there at once, and with each as it comes.
  const members: { readonly seen: string[]; readonly runner: ConsumerRunner }[] = [];
  const join = async (kind: (typeof kafkaClients)[number]): Promise<void> => {
    const seen: string[] = [];
    const { runner } = await runnerOf({ topics: [topic], handler: (message) => seen.push(text(message)) }, kind);
    members.push({ seen, runner });
  };
  const areAt = (offset: bigint): boolean =>
    members.every(({ runner }) => runner.inspect().partitions[0]?.committed === offset);
  for (const kind of kafkaClients) await join(kind);
  // Each end of a transaction takes an offset.
  await transact("abort", "x", "x");
  await until(() => areAt(3n), "nothing came, and it is passed");
  await transact("commit", "0", "1");
  await until(() => areAt(6n), "the mark behind it is passed, too");
  await transact("abort", "x", "x", "x");
  await transact("commit", "2");
  await transact("abort", "x");
  for (const kind of kafkaClients) await join(kind);
  await until(() => areAt(14n), "all are at the end");
  for (const { seen, runner } of members) {
    expect(seen).toEqual(["0", "1", "2"]);
    expect(runner.inspect().counts).toMatchObject({ handled: 3, skipped: 0 });
  }
}, 60_000);

describe.each(kafkaClients)("with $name", (kind) => {
  test("what was deleted before it was read is told, and counted; it goes on at the first that is there", async () => {
    const topic = await topicOf(1);
    const producer = await producerOf(kind);
    const admin = adminOf();
    const seen: bigint[] = [];
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const handler = async ({ offset }: ConsumedMessage): Promise<void> => {
      if (offset === 5n) await held;
      seen.push(offset);
    };
    await producer.send(mintAll(producer, topic, 10, 1));
    const { runner, events } = await runnerOf({ topics: [topic], handler, maxPending: 1 }, kind);
    await until(() => seen.length === 5, "it is held up");
    await producer.send(mintAll(producer, topic, 20, 1));
    await deleteUpTo(admin, topic, 25n);
    release();
    await until(() => runner.inspect().partitions[0]?.committed === 30n, "all that is there is committed");
    const expected = [...Array(10).keys(), 25, 26, 27, 28, 29].map(BigInt);
    expect(seen).toEqual(expected);
    expect(skippedIn(events)).toEqual([[10n, 25n]]);
    expect(runner.inspect().counts).toMatchObject({ handled: 15, skipped: 15 });
  }, 60_000);

  test("a topic that is made anew while it is read is read from its beginning, by a runner that had begun at the first", async () => {
    const topic = await topicOf(1);
    const producer = await producerOf(kind);
    const admin = adminOf();
    const seen: string[] = [];
    const handler = (message: ConsumedMessage): unknown => seen.push(text(message));
    const group = groupOf();
    const { runner } = await runnerOf({ topics: [topic], handler }, kind, group);
    await producer.send(mintAll(producer, topic, 20, 5));
    await until(() => runner.inspect().partitions[0]?.committed === 20n, "all is committed");
    await admin.deleteTopics({ topics: [topic] });
    await cluster().createTopic(topic, 1);
    // With kafkajs nobody can tell when the new one is as long as the old one was.
    const count = kind === platformatic ? 20 : 5;
    // The producer that is at work goes on, too.
    await eventually(() => producer.send(mintAll(producer, topic, count, 5)));
    await until(() => seen.length >= 20 + count, "those of the new one came");
    const values = Array.from({ length: count }, (_, index) => String(index));
    expect(seen.slice(20).toSorted()).toEqual(values.toSorted());
    await runner.stop();
    const reader = readerOf(group);
    const committed = await reader.listCommittedOffsets({ topics: [{ topic, partitions: [0] }] });
    expect(committed.get(topic)).toEqual([BigInt(count)]);
  }, 60_000);

  test("a topic that is made anew with fewer partitions fails a send, or takes it, and no process ends by it", async () => {
    const topic = await topicOf(2);
    const producer = await producerOf(kind);
    const admin = adminOf();
    const event = (value: string) => producer.mint({ topic, type: "counted", value, partition: 1 });
    await producer.send(event("old"));
    await admin.deleteTopics({ topics: [topic] });
    await cluster().createTopic(topic, 1);
    const seen: string[] = [];
    await runnerOf({ topics: [topic], handler: (message) => seen.push(text(message)) }, kind);
    // The client believes that it has two, and the first answer says otherwise.
    await producer.send(event("first")).catch(() => {});
    await eventually(() => producer.send({ ...event("new"), partition: 0 }));
    await until(() => seen.includes("new"), "the new one came");
    expect(producer.inspect()).toMatchObject({ queued: 0, inFlight: 0, expired: 0 });
  }, 60_000);

  test("no key and an empty one, no value and an empty one, bytes that are no text: each stays what it is", async () => {
    const topic = await topicOf(1);
    const producer = await producerOf(kind);
    const seen: ConsumedMessage[] = [];
    await runnerOf({ topics: [topic], handler: (message) => seen.push(message), orderBy: () => "one" }, kind);
    const bytes = Buffer.from([0, 255, 128, 10, 0xc3, 0x28]);
    const empty = Buffer.alloc(0);
    // The batch around it has what is left of the megabyte and the twelve bytes that a broker takes.
    const large = Buffer.alloc(1_048_400, 1);
    const of = (key: Buffer | null, value: Buffer | null, header: Buffer) =>
      producer.mint({ topic, type: "bytes", key, value, headers: { "ä€": header } });
    await producer.send([
      of(null, null, empty),
      of(empty, empty, bytes),
      of(bytes, bytes, empty),
      of(null, large, empty),
    ]);
    await until(() => seen.length === 4, "all came");
    expect(seen.map(({ key }) => key)).toEqual([null, empty, bytes, null]);
    expect(seen.slice(0, 3).map(({ value }) => value)).toEqual([null, empty, bytes]);
    expect(seen[3]?.value?.equals(large)).toBe(true);
    expect(seen.map(({ headers }) => headers.get("ä€"))).toEqual([empty, bytes, empty, empty]);
  }, 60_000);
});

test("what was deleted while nobody was there is told by whoever comes next, once", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const [group, admin] = [groupOf(), adminOf()];
  const options = { topics: [topic], handler: () => {} };
  const first = await runnerOf(options, platformatic, group);
  await producer.send(mintAll(producer, topic, 5, 1));
  await until(() => first.runner.inspect().partitions[0]?.committed === 5n, "all is committed");
  await first.runner.stop();
  await producer.send(mintAll(producer, topic, 10, 1));
  await deleteUpTo(admin, topic, 15n);
  const second = await runnerOf(options, platformatic, group);
  // Nothing is left: where it goes on is committed all the same.
  await until(() => second.runner.inspect().partitions[0]?.committed === 15n, "it goes on behind what is gone");
  expect(skippedIn(second.events)).toEqual([[5n, 15n]]);
  await second.runner.stop();
  const third = await runnerOf(options, platformatic, group);
  await producer.send(mintAll(producer, topic, 1, 1));
  await until(() => third.runner.inspect().partitions[0]?.committed === 16n, "all is committed");
  expect(third.runner.inspect().counts).toMatchObject({ handled: 1, skipped: 0 });
}, 60_000);

test("a partition that is added is read from its first message, also by a group that began at the end", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  await producer.send(mintAll(producer, topic, 3, 1));
  const options = { clientId: "latest", bootstrapBrokers: cluster().bootstrap, groupId: groupOf() };
  const client = new Consumer({ ...options, heartbeatInterval: 400, metadataMaxAge: 50, retryDelay: 50 });
  after(() => client.close(true));
  const seen: string[] = [];
  const handler = (message: ConsumedMessage): unknown => seen.push(text(message));
  const runner = new ConsumerRunner(client, { topics: [topic], handler, start: "latest" });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  await until(() => runner.inspect().partitions.length === 1, "it has its partition");
  await adminOf().createPartitions({ topics: [{ name: topic, count: 2, assignments: [{ brokerIds: [1] }] }] });
  // Before the group knows of it.
  const other = await producerOf();
  const added = { topic, type: "counted", value: "added", partition: 1 };
  await eventually(() => other.send(other.mint(added)));
  await until(() => runner.inspect().partitions.length === 2, "both are its own");
  await until(() => seen.length === 1, "what was written before came");
  expect(seen).toEqual(["added"]);
}, 60_000);

test("a topic that is gone holds up no other; when it is there again, smaller, it is read", async () => {
  const [topic, other] = [await topicOf(2), await topicOf(1)];
  const producer = await producerOf();
  const admin = adminOf();
  const seen: string[] = [];
  const handler = (message: ConsumedMessage): unknown => seen.push(`${message.topic} ${text(message)}`);
  const { runner, events } = await runnerOf({ topics: [topic, other], handler });
  const committed = (name: string): bigint =>
    runner
      .inspect()
      .partitions.filter((each) => each.topic === name)
      .reduce((sum, { committed: offset = 0n }) => sum + offset, 0n);
  await producer.send([...mintAll(producer, topic, 10, 5), ...mintAll(producer, other, 10, 5)]);
  await until(() => committed(topic) === 10n && committed(other) === 10n, "all is committed");
  await admin.deleteTopics({ topics: [topic] });
  const isGone = ({ type, error }: { readonly type: string; readonly error?: unknown }): boolean =>
    type === "client-failed" && error instanceof Error && error.message === `Unknown topic ${topic}.`;
  await until(() => events.some(isGone), "it says which one is gone");
  await producer.send(mintAll(producer, other, 5, 5));
  await until(() => seen.length === 25, "those of the other came");
  await until(
    () => runner.inspect().partitions.every((each) => each.topic === other),
    "nobody has the one that is gone",
  );
  await cluster().createTopic(topic, 1);
  const fresh = await producerOf();
  await eventually(() => fresh.send(mintAll(fresh, topic, 3, 1)));
  await until(() => seen.length === 28, "those of the new one came");
  expect(seen.slice(25)).toEqual([`${topic} 0`, `${topic} 1`, `${topic} 2`]);
  // Gone once more, and to be left at the same time.
  await admin.deleteTopics({ topics: [topic] });
  await runner.stop();
  expect(runner.inspect()).toMatchObject({ state: "stopped", counts: { skipped: 0 } });
}, 60_000);
