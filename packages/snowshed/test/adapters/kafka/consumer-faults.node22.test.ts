// Bad luck of a consumer, each kind for itself: what the client, the broker, the store or the handler does at the worst moment.
import { Admin, Consumer } from "@platformatic/kafka";
import { ConsumerRunner, deduplicated } from "snowshed/kafka";
import type { ConsumedMessage, ConsumerEvent, ConsumerRunnerOptions } from "snowshed/kafka";
import type { PostgresDeduplicationOptions } from "snowshed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { platformatic } from "../../support/kafka-clients.ts";
import { mintAll, text, until, useKafka } from "../../support/kafka-workbench.ts";
import { Database, write } from "../postgres/fixture.ts";

const { cluster, topicOf, groupOf, producerOf, runnerOf, after } = useKafka();

let database: Database;
beforeAll(async () => {
  database = await Database.start();
}, 60_000);
afterAll(() => database.stop());

/** A row for each message, in the transaction of the store. */
function effectsOf(name: string, options: PostgresDeduplicationOptions = {}): ConsumerRunnerOptions["handler"] {
  const store = database.store(name, options);
  return deduplicated((message, transaction) => write(transaction, `${name} ${text(message)}`), { store });
}

async function countsOf(name: string, count: number): Promise<number[]> {
  const effects = await database.effects();
  return Array.from({ length: count }, (_, index) => effects.get(`${name} ${index}`) ?? 0);
}

async function adminOf(): Promise<Admin> {
  const admin = new Admin({ clientId: "admin", bootstrapBrokers: cluster().bootstrap, retryDelay: 100 });
  after(() => admin.close());
  return Promise.resolve(admin);
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);

test("a commit that the client makes again after it has joined anew says nothing", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const [group, admin] = [groupOf(), await adminOf()];
  const { client, close } = await platformatic.consumer(cluster().bootstrap, group);
  after(close);
  const consumer = client as Consumer;
  const commit = consumer.commit.bind(consumer);
  type Options = Parameters<typeof consumer.commit>[0];
  const held: Options[] = [];
  const releases: (() => void)[] = [];
  // What the client does: the request fails since it is no member any more, it joins, and sends what its options say then.
  const hold = (options: Options): Promise<void> => {
    held.push(options);
    return new Promise((resolve, reject) => {
      releases.push(() => void commit(options).then(resolve, reject));
    });
  };
  consumer.commit = hold;
  let isSecond = false;
  const seen: string[] = [];
  const handler = async (message: ConsumedMessage): Promise<void> => {
    seen.push(text(message));
    // In its second life nothing is done, and nothing to be committed.
    if (isSecond) await new Promise(() => {});
  };
  const runner = new ConsumerRunner(consumer, { topics: [topic], handler, commitInterval: 50 });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  await producer.send(mintAll(producer, topic, 5, 1));
  await until(() => held.some(({ offsets }) => offsets[0]?.offset === 5n), "all five are to be committed");
  isSecond = true;
  await admin.removeMembersFromConsumerGroup({ groupId: group });
  await until(() => seen.length > 5, "it has joined anew, and reads them again");
  expect(held.map(({ offsets }) => offsets.length)).toEqual([0]);
  releases[0]!();
  await until(() => runner.inspect().counts.commits === 1, "the client has committed");
  const topics = [{ topic, partitions: [0] }];
  expect((await consumer.listCommittedOffsets({ topics })).get(topic)).toEqual([-1n]);
  consumer.commit = commit;
  for (const release of releases) release();
}, 60_000);

/** By itself a member that hears of nothing by a heartbeat for a while. */
function quietConsumer(own: { heartbeatInterval?: number; metadataMaxAge?: number } = {}): Consumer {
  const options = { clientId: "quiet", bootstrapBrokers: cluster().bootstrap, groupId: groupOf() };
  const session = { sessionTimeout: 30_000, rebalanceTimeout: 30_000, heartbeatInterval: 20_000 };
  const client = new Consumer({ ...options, ...session, retryDelay: 50, connectTimeout: 1000, ...own });
  after(() => client.close(true));
  return client;
}

test("a client that is thrown out, and fails to join by itself after a commit, is made a member again", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const [client, admin] = [quietConsumer(), await adminOf()];
  const events: string[] = [];
  const onEvent = ({ type }: ConsumerEvent): unknown => events.push(type);
  const runner = new ConsumerRunner(client, { topics: [topic], handler: () => {}, commitInterval: 50, onEvent });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  await producer.send(mintAll(producer, topic, 5, 1));
  await until(() => runner.inspect().partitions[0]?.committed === 5n, "the first are committed");
  // What the client does after a commit that is refused; the coordinator is away just then.
  const join = client.joinGroup.bind(client);
  const failingJoin = async (options: object, callback?: (error: Error) => void): Promise<string> => {
    if (callback === undefined) return join(options);
    callback(new Error("no broker says who the coordinator is"));
    return "";
  };
  Object.assign(client, { joinGroup: failingJoin });
  await admin.removeMembersFromConsumerGroup({ groupId: client.groupId });
  await producer.send(mintAll(producer, topic, 5, 1));
  await until(() => runner.inspect().partitions[0]?.committed === 10n, "all are");
  expect(events).toEqual(["assigned", "client-failed", "lost", "commit-failed", "assigned"]);
  expect(runner.inspect().counts).toMatchObject({ failedCommits: 1, rebalances: 2 });
}, 60_000);

test("a client that tells twice of one join has it joined once more, and goes on", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const { client, close } = await platformatic.consumer(cluster().bootstrap, groupOf());
  after(close);
  const consumer = client as Consumer;
  const seen: string[] = [];
  const handler = (message: ConsumedMessage): unknown => seen.push(text(message));
  const runner = new ConsumerRunner(consumer, { topics: [topic], handler });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  // As when it joins after a commit that failed, and the runner does at the same time: both wait for one answer.
  const join = consumer.joinGroup.bind(consumer);
  let joins = 0;
  const joinTwice = async (options: Parameters<typeof join>[0]): Promise<string> => {
    const id = await join(options);
    if (joins++ === 0) consumer.emit("consumer:group:join", { groupId: "", memberId: id });
    return id;
  };
  consumer.joinGroup = joinTwice;
  consumer.emit("consumer:group:join", { groupId: "", memberId: "" });
  await until(() => joins === 2, "it has joined once more");
  await producer.send(mintAll(producer, topic, 3, 1));
  await until(() => seen.length === 3, "the partition is its own");
}, 60_000);

test("a consumer with the newer group protocol is refused, and has not joined", async () => {
  const topic = await topicOf(1);
  const { bootstrap } = cluster();
  const options = { clientId: "newer", groupId: groupOf(), bootstrapBrokers: bootstrap };
  const client = new Consumer({ ...options, groupProtocol: "consumer" });
  after(() => client.close(true));
  const runner = new ConsumerRunner(client, { topics: [topic], handler: () => {} });
  await expect(runner.start()).rejects.toMatchObject({ code: "SNOWSHED_FATAL", message: /classic group protocol/ });
  expect(runner.inspect()).toMatchObject({ state: "idle", partitions: [] });
}, 60_000);

test("stop() while start() is under way: both end, and nothing runs on", async () => {
  const topic = await topicOf(1);
  const { client, close } = await platformatic.consumer(cluster().bootstrap, groupOf());
  after(close);
  const runner = new ConsumerRunner(client, { topics: [topic], handler: () => {}, commitInterval: 1 });
  const starting = runner.start();
  await runner.stop();
  await starting;
  expect(runner.inspect()).toMatchObject({ state: "stopped", active: 0, partitions: [] });
  expect((client as Consumer).memberId).toBeFalsy();
}, 60_000);

test("a group that begins at the end loses nothing of what its first member has read", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const group = groupOf();
  await producer.send(mintAll(producer, topic, 3, 1));
  const first: string[] = [];
  const handler = async (message: ConsumedMessage): Promise<void> => {
    first.push(text(message));
    await new Promise(() => {});
  };
  const { runner } = await runnerOf({ topics: [topic], handler, start: "latest" }, undefined, group);
  await until(() => runner.inspect().partitions[0]?.committed === 3n, "where it began is committed");
  await producer.send(mintAll(producer, topic, 2, 1));
  await until(() => first.length === 1, "one is under way");
  await runner.stop({ timeout: 0 });
  const rest: string[] = [];
  await runnerOf(
    { topics: [topic], handler: (message) => rest.push(text(message)), start: "latest" },
    undefined,
    group,
  );
  await until(() => rest.length === 2, "both came to the next member");
  expect(rest).toEqual(["0", "1"]);
}, 60_000);

test("partitions that are added are read, and nobody is disturbed who has work", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const admin = await adminOf();
  const client = quietConsumer({ heartbeatInterval: 50, metadataMaxAge: 50 });
  const seen: string[] = [];
  const events: string[] = [];
  const handler = (message: ConsumedMessage): unknown => seen.push(text(message));
  const onEvent = ({ type }: ConsumerEvent): unknown => events.push(type);
  const runner = new ConsumerRunner(client, { topics: [topic], handler, onEvent });
  await runner.start();
  after(() => runner.stop({ timeout: 0 }));
  await producer.send(mintAll(producer, topic, 5, 5));
  await until(() => seen.length === 5, "those of the first came");
  await admin.createPartitions({
    topics: [{ name: topic, count: 3, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] }],
  });
  await until(() => runner.inspect().partitions.length === 3, "all are its own");
  const other = await producerOf();
  const more = [0, 1, 2].map((partition) =>
    other.mint({ topic, type: "counted", key: "a", value: `p${partition}`, partition }),
  );
  await other.send(more);
  await until(() => seen.length === 8, "those of each came");
  expect(seen.slice(5).toSorted()).toEqual(["p0", "p1", "p2"]);
  expect(events).toEqual(["assigned", "revoked", "assigned"]);
}, 60_000);

test("a message that another delivery is at is not given up, however long that takes", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const events = mintAll(producer, topic, 3, 3);
  // As a process that hangs in the middle of its transaction, and whose partition is somebody else's by now.
  const store = database.store("held");
  const [key, at] = identityOf(events[1]!.headers);
  let finish = (): void => {};
  const hanging = store.apply({ key, at }, async (transaction) => {
    await write(transaction, "held 1");
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  const options = { topics: [topic], handler: effectsOf("held")!, timeout: 300 };
  const { runner } = await runnerOf({ ...options, deadLetters: { producer, topic: "none" } });
  await producer.send(events);
  await until(() => runner.inspect().counts.pauses >= 4, "it has waited more often than there are attempts");
  finish();
  await hanging;
  await until(() => runner.inspect().partitions[0]?.committed === 3n, "all is committed");
  expect(runner.inspect().counts).toMatchObject({ handled: 3, deadLetters: 0 });
  expect(await countsOf("held", 3)).toEqual(ones(3));
}, 60_000);

function identityOf(headers: ReadonlyMap<string, Buffer>): [string, number] {
  const [trace, type, time] = ["trace_id", "event_type", "event_timestamp"].map((name) =>
    headers.get(name)!.toString(),
  );
  return [`${trace}:${type}:${time}`, Date.parse(time!)];
}

test("an effect that hangs, and takes no notice of anything, is undone, and has another attempt", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  let hangs = 2;
  const handler = deduplicated(
    async (message, transaction) => {
      await write(transaction, `hangs ${text(message)}`);
      if (text(message) === "1" && hangs-- > 0) await new Promise(() => {});
    },
    { store: database.store("hangs") },
  );
  const { runner } = await runnerOf({ topics: [topic], handler, timeout: 300 });
  await producer.send(mintAll(producer, topic, 4, 2));
  await until(() => runner.inspect().partitions[0]?.committed === 4n, "all is committed");
  expect(runner.inspect().counts.retries).toBeGreaterThanOrEqual(2);
  expect(await countsOf("hangs", 4)).toEqual(ones(4));
}, 60_000);

test("while the tables are missing partitions pause, and say what to do; once they are there, all is applied", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const handler = effectsOf("late", { table: "late" })!;
  const { runner, events } = await runnerOf({ topics: [topic], handler, deadLetters: { producer, topic: "none" } });
  await producer.send(mintAll(producer, topic, 10, 10));
  await until(() => runner.inspect().counts.pauses >= 4, "it has paused more often than there are attempts");
  const message = expect.stringContaining("snowshed delivery schema") as string;
  expect(events.find(({ type }) => type === "paused")).toMatchObject({ error: { message } });
  await database.store("late", { table: "late" }).createSchema();
  await until(() => runner.inspect().partitions[0]?.committed === 10n, "all is committed");
  expect(runner.inspect().counts).toMatchObject({ retries: 0, deadLetters: 0 });
  expect(await countsOf("late", 10)).toEqual(ones(10));
}, 60_000);

test("a database that is killed and comes back: no message is given up, and each effect is there once", async () => {
  const topic = await topicOf(2);
  const producer = await producerOf();
  const handler = effectsOf("killed", { commandTimeout: "1s" })!;
  const { runner } = await runnerOf({ topics: [topic], handler, deadLetters: { producer, topic: "none" } });
  const events = mintAll(producer, topic, 300, 50);
  await producer.send(events);
  await until(() => runner.inspect().counts.handled > 20, "it is at work");
  await database.server.kill();
  await until(() => runner.inspect().counts.pauses >= 4, "it pauses");
  await database.server.start();
  const isDone = (): boolean => {
    const { partitions, counts } = runner.inspect();
    return counts.received === 300 && partitions.every(({ position, committed }) => position === committed);
  };
  await until(() => runner.inspect().counts.handled === 300 && isDone(), "all is committed");
  expect(runner.inspect().counts.deadLetters).toBe(0);
  expect(await countsOf("killed", 300)).toEqual(ones(300));
}, 60_000);
