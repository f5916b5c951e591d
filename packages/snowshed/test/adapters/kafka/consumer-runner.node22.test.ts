import type { Context } from "snowshed";
import { CircuitBreaker, FatalError, fixed, Limiter, TransientError } from "snowshed";
import type { ConsumedMessage, MintedEvent } from "snowshed/kafka";
import { deduplicated, deduplicatedBatch, eventIdentity, positionIdentity } from "snowshed/kafka";
import { describe, expect, test } from "vitest";
import { kafkaClients } from "../../support/kafka-clients.ts";
import { mintAll, text, until, useKafka } from "../../support/kafka-workbench.ts";
import { MemoryStore } from "../../support/memory-store.ts";

const { cluster, topicOf, groupOf, producerOf, runnerOf } = useKafka();

describe.each(kafkaClients)("with $name", (kind) => {
  test("every message is handled once, those of a key in their order, and what is done is committed", async () => {
    const topic = await topicOf(3);
    const producer = await producerOf(kind);
    const group = groupOf();
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
      const own = seen
        .filter((message) => message.key?.toString() === `key-${key}`)
        .map((message) => Number(text(message)));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    await until(
      () =>
        runner
          .inspect()
          .partitions.every(({ position, committed, pending }) => pending === 0 && position === committed),
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
    const group = groupOf();
    const seen: string[] = [];
    const handler = async (message: ConsumedMessage): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.push(text(message));
    };
    const first = await runnerOf({ topics: [topic], handler, concurrency: 4 }, kind, group);
    const events = mintAll(producer, topic, 600, 40);
    await producer.send(events.slice(0, 400));
    await until(() => seen.length > 50, "the first one is at work");
    const second = await runnerOf({ topics: [topic], handler, concurrency: 4 }, kind, group);
    const halves = (): number[] => [first, second].map(({ runner }) => runner.inspect().partitions.length);
    await until(() => halves().every((count) => count === 2), "each has half");
    await producer.send(events.slice(400));
    await until(() => seen.length >= 600, "all were handled");
    expect(new Set(seen).size).toBe(600);
    expect(second.runner.inspect().counts.handled).toBeGreaterThan(0);
    expect(first.events.map(({ type }) => type)).toContain("revoked");
    // What was under way was finished and committed before it was handed over.
    expect(seen).toHaveLength(600);
  }, 30_000);
});

const into = (message: ConsumedMessage, effects: string[]): unknown => effects.push(text(message));

test("what was written twice, and what is read twice, has its effect once", async () => {
  const topic = await topicOf(2);
  const producer = await producerOf();
  const store = new MemoryStore();
  const group = groupOf();
  const events = mintAll(producer, topic, 50, 7);
  await producer.send(events);
  // As a sender does that got no answer: the same events.
  await producer.send(events.slice(0, 20));
  const handler = deduplicated(into, { store });
  const { runner } = await runnerOf({ topics: [topic], handler }, undefined, group);
  await until(() => runner.inspect().counts.handled === 70, "all 70 were handled");
  expect(runner.inspect().counts).toMatchObject({ received: 70, handled: 70, duplicates: 20, deadLetters: 0 });
  await runner.stop();
  // Another group has all of them before it, and the same store.
  const { runner: second } = await runnerOf({ topics: [topic], handler });
  await until(() => second.inspect().counts.handled === 70, "all were read again");
  expect(second.inspect().counts.duplicates).toBe(70);
  expect(store.effects.toSorted()).toEqual(events.map(text as (event: MintedEvent) => string).toSorted());
  // The control: without the store each delivery is an effect.
  const without: string[] = [];
  const { runner: third } = await runnerOf({ topics: [topic], handler: (message) => into(message, without) });
  await until(() => third.inspect().counts.handled === 70, "all were read once more");
  expect(without).toHaveLength(70);
}, 60_000);

test("a poison message, and one without an identity, go to the dead letters with the reason; the others are handled", async () => {
  const topic = await topicOf(1);
  const dead = await topicOf(1);
  const producer = await producerOf();
  const store = new MemoryStore();
  const attempts = new Map<string, number>();
  const handler = deduplicated(
    (message, effects: string[]) => {
      const own = text(message);
      attempts.set(own, (attempts.get(own) ?? 0) + 1);
      if (own === "3") throw new FatalError("not an order");
      if (own === "5") throw new TransientError("never passes");
      effects.push(own);
    },
    { store },
  );
  const options = { topics: [topic], handler, deadLetters: { producer, topic: dead } };
  const { runner, events } = await runnerOf(options);
  await producer.send(mintAll(producer, topic, 10, 3));
  await producer.write([{ topic, key: null, value: Buffer.from("anonymous"), headers: new Map() }]);
  await until(() => runner.inspect().counts.deadLetters === 3, "three dead letters");
  await until(() => runner.inspect().partitions[0]?.committed === 11n, "all is committed");
  expect(store.effects.map(Number).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 4, 6, 7, 8, 9]);
  expect([attempts.get("3"), attempts.get("5"), attempts.get("anonymous")]).toEqual([1, 3, undefined]);
  expect(runner.inspect().counts).toMatchObject({ handled: 8, retries: 2, withoutIdentity: 1 });
  expect(events.filter(({ type }) => type === "dead-letter")).toHaveLength(3);

  const letters: ConsumedMessage[] = [];
  await runnerOf({ topics: [dead], handler: (message) => letters.push(message) });
  await until(() => letters.length === 3, "they are in the topic");
  const found = Object.fromEntries(
    letters.map((letter) => [
      text(letter),
      ["reason", "code", "attempts", "topic"].map((name) => letter.headers.get(`dead_letter_${name}`)?.toString()),
    ]),
  );
  expect(found).toEqual({
    3: ["fatal", "SNOWSHED_FATAL", "1", topic],
    5: ["attempts", "SNOWSHED_TRANSIENT", "3", topic],
    anonymous: ["no-identity", "SNOWSHED_NO_IDENTITY", "1", topic],
  });
  const identified = letters.filter((letter) => eventIdentity(letter) !== undefined).map(text);
  expect(identified.toSorted()).toEqual(["3", "5"]);
}, 60_000);

test("without a dead-letter topic a poison message is neither lost nor passed over", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  let isCured = false;
  const seen: string[] = [];
  const handler = (message: ConsumedMessage): void => {
    if (text(message) === "1" && !isCured) throw new FatalError("poison");
    seen.push(text(message));
  };
  const { runner, events } = await runnerOf({ topics: [topic], handler });
  await producer.send(mintAll(producer, topic, 6, 3));
  await until(() => events.some(({ type }) => type === "stuck"), "it is stuck");
  await until(() => seen.length === 4, "those of other keys are handled");
  expect(seen.toSorted()).toEqual(["0", "2", "3", "5"]);
  await until(() => runner.inspect().partitions[0]?.committed === 1n, "what is before it is committed, and no more");
  isCured = true;
  await until(() => runner.inspect().partitions[0]?.committed === 6n, "all is");
  expect(seen.slice(4)).toEqual(["1", "4"]);
}, 60_000);

test("while the store is away no message fails: the partition pauses, and goes on when it is back", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const store = new MemoryStore();
  store.isUp = false;
  const options = { topics: [topic], handler: deduplicated(into, { store }), deadLetters: { producer, topic } };
  const { runner, events } = await runnerOf(options);
  await producer.send(mintAll(producer, topic, 20, 20));
  await until(() => runner.inspect().counts.pauses >= 5, "it was paused more often than there are attempts");
  expect(store.effects).toEqual([]);
  store.isUp = true;
  await until(() => runner.inspect().partitions[0]?.committed === 20n, "all is committed");
  expect(store.effects).toHaveLength(20);
  expect(runner.inspect().counts).toMatchObject({ deadLetters: 0, retries: 0, duplicates: 0, received: 20 });
  expect(events.find(({ type }) => type === "paused")).toMatchObject({
    error: { code: "SNOWSHED_BACKEND_UNAVAILABLE" },
  });
}, 60_000);

test("an open breaker and a full limiter pause, too", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const breaker = new CircuitBreaker({ consecutiveFailures: 2, openFor: 100, halfOpenSuccesses: 1 });
  const limiter = new Limiter({ algorithm: fixed(2) });
  let isDown = true;
  let calls = 0;
  let most = 0;
  const handler = async (): Promise<void> => {
    calls++;
    most = Math.max(most, limiter.inflight);
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (isDown) throw new TransientError("the service behind is down");
  };
  const retry = { attempts: 4, backoff: { initial: 1, maximum: 2 } };
  const options = { topics: [topic], handler, breaker, limiter, retry, deadLetters: { producer, topic: "none" } };
  const { runner } = await runnerOf(options);
  await producer.send(mintAll(producer, topic, 30, 30));
  await until(() => runner.inspect().counts.pauses >= 3, "it pauses");
  expect(breaker.state).not.toBe("closed");
  // Few enough that each of the 30 has attempts left: the breaker let hardly any through.
  expect(calls).toBeLessThan(30);
  isDown = false;
  await until(() => runner.inspect().partitions[0]?.committed === 30n, "all is committed");
  expect(runner.inspect().counts).toMatchObject({ handled: 30, deadLetters: 0 });
  expect(most).toBe(2);
}, 60_000);

test("a handler that hangs is told at its deadline, and its message has another attempt", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const store = new MemoryStore();
  const ended: unknown[] = [];
  let hangs = 2;
  const handler = deduplicated(
    async (message, effects: string[], context: Context) => {
      effects.push(text(message));
      if (text(message) === "1" && hangs-- > 0) {
        // It has had its effect in the transaction, which is not committed.
        await context.sleep("1h").catch((error: unknown) => {
          ended.push(error);
          throw error;
        });
      }
    },
    { store },
  );
  const { runner } = await runnerOf({
    topics: [topic],
    handler,
    timeout: 100,
    deadLetters: { producer, topic: "none" },
  });
  await producer.send(mintAll(producer, topic, 4, 2));
  await until(() => runner.inspect().partitions[0]?.committed === 4n, "all is committed");
  expect(ended).toMatchObject([{ code: "SNOWSHED_DEADLINE_EXCEEDED" }, { code: "SNOWSHED_DEADLINE_EXCEEDED" }]);
  expect(store.effects.toSorted()).toEqual(["0", "1", "2", "3"]);
  expect(runner.inspect().counts).toMatchObject({ retries: 2, abandoned: 0, deadLetters: 0 });
}, 60_000);

test("one bad message of a batch costs the others nothing; a batch is one transaction", async () => {
  const topic = await topicOf(2);
  const dead = await topicOf(1);
  const producer = await producerOf();
  const store = new MemoryStore();
  const sizes: number[] = [];
  const batchHandler = deduplicatedBatch(
    (messages, effects: string[]) => {
      sizes.push(messages.length);
      for (const message of messages) {
        effects.push(text(message));
        if (text(message) === "13") throw new FatalError("poison");
      }
    },
    { store },
  );
  await producer.send(mintAll(producer, topic, 200, 11));
  const options = {
    topics: [topic],
    batchHandler,
    batchSize: 25,
    concurrency: 2,
    deadLetters: { producer, topic: dead },
  };
  const { runner } = await runnerOf(options);
  await until(() => runner.inspect().counts.handled + runner.inspect().counts.deadLetters === 200, "all are done");
  expect(runner.inspect().counts).toMatchObject({ handled: 199, deadLetters: 1, duplicates: 0 });
  expect(new Set(store.effects).size).toBe(199);
  expect(store.effects).toHaveLength(199);
  expect(Math.max(...sizes)).toBe(25);
  for (let key = 0; key < 11; key++) {
    const own = store.effects.map(Number).filter((value) => value % 11 === key);
    expect(own).toEqual(own.toSorted((a, b) => a - b));
  }
}, 60_000);

test("clocks that are years off change nothing but a count", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const store = new MemoryStore();
  const handler = deduplicated(into, { store, key: (message) => eventIdentity(message) ?? positionIdentity(message) });
  const { runner, events } = await runnerOf({ topics: [topic], handler });
  const written = mintAll(producer, topic, 3, 1);
  const times = ["1971-01-01T00:00:00.000000Z", "2399-12-31T23:59:59.999999Z"];
  const skewed = written.slice(0, 2).map(({ topic: to, key, value, headers }, index) => {
    const own = new Map(headers).set("event_timestamp", Buffer.from(times[index]!));
    return { topic: to, key, value, headers: own };
  });
  await producer.send([...skewed, ...skewed, written[2]!]);
  await until(() => runner.inspect().counts.handled === 5, "all were handled");
  expect(store.effects).toEqual(["0", "1", "2"]);
  expect(runner.inspect().counts).toMatchObject({ duplicates: 2, clockSkews: 4 });
  const skews = events.flatMap((event) => (event.type === "clock-skew" ? [Math.sign(event.skew)] : []));
  expect(skews).toEqual([-1, 1, -1, 1]);
}, 60_000);

test("stop() waits for the handlers that run, and commits what they have done", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const group = groupOf();
  const seen: string[] = [];
  const started: string[] = [];
  const handler = async (message: ConsumedMessage): Promise<void> => {
    started.push(text(message));
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen.push(text(message));
  };
  const { runner } = await runnerOf(
    { topics: [topic], handler, concurrency: 4, commitInterval: "1h" },
    undefined,
    group,
  );
  await producer.send(mintAll(producer, topic, 20, 20));
  await until(() => started.length >= 4, "four are under way");
  await runner.stop();
  expect(seen).toEqual(started);
  const done = seen.length;
  expect(done).toBeLessThan(20);
  const rest: string[] = [];
  await runnerOf({ topics: [topic], handler: (message) => rest.push(text(message)) }, undefined, group);
  await until(() => rest.length >= 20 - done, "the rest came");
  expect([...seen, ...rest].map(Number).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, index) => index),
  );
}, 60_000);

test("a dead-letter topic that is not there holds up its partition until it is, and no other send", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const handler = (message: ConsumedMessage): void => {
    if (text(message) === "1") throw new FatalError("poison");
  };
  const deadLetters = { producer, topic: `${topic}.dead` };
  const { runner, events } = await runnerOf({ topics: [topic], handler, deadLetters });
  await producer.send(mintAll(producer, topic, 2, 2));
  await until(() => runner.inspect().counts.pauses >= 1, "it pauses");
  const message = expect.stringContaining("Unknown topic") as string;
  expect(events.find(({ type }) => type === "paused")).toMatchObject({ error: { message } });
  expect(runner.inspect().counts).toMatchObject({ deadLetters: 0 });
  await producer.send(mintAll(producer, topic, 1, 1));
  await cluster().createTopic(`${topic}.dead`, 1);
  await until(() => runner.inspect().partitions[0]?.committed === 3n, "all is committed");
  expect(runner.inspect().counts).toMatchObject({ handled: 2, deadLetters: 1 });
}, 60_000);

test("more than a broker takes at once is written, and read: messages of a megabyte, and many that make one", async () => {
  const topic = await topicOf(1);
  const producer = await producerOf();
  const seen: number[] = [];
  const handler = ({ value }: ConsumedMessage): unknown => seen.push(value?.length ?? -1);
  await runnerOf({ topics: [topic], handler, orderBy: () => "one" });
  const sizes = [1_000_000, 1_000_000, -1, 0, ...Array.from({ length: 200 }, (_, index) => 10_000 + index)];
  const valueOf = (size: number): Buffer | null => (size < 0 ? null : Buffer.alloc(size));
  await producer.send(sizes.map((size) => producer.mint({ topic, type: "counted", value: valueOf(size) })));
  await until(() => seen.length === sizes.length, "all came");
  expect(seen).toEqual(sizes);
}, 60_000);

test("a message whose order cannot be told is given up, not passed over", async () => {
  const topic = await topicOf(1);
  const dead = await topicOf(1);
  const producer = await producerOf();
  const seen: string[] = [];
  const orderBy = (message: ConsumedMessage): string => (JSON.parse(text(message)) as { id: string }).id;
  const handler = (message: ConsumedMessage): unknown => seen.push(text(message));
  const { runner, events } = await runnerOf({
    topics: [topic],
    handler,
    orderBy,
    deadLetters: { producer, topic: dead },
  });
  const values = ['{"id":"a"}', "not JSON", '{"id":"b"}'];
  await producer.send(values.map((value) => producer.mint({ topic, type: "counted", value })));
  await until(() => runner.inspect().partitions[0]?.committed === 3n, "all is committed");
  expect(seen.toSorted()).toEqual(['{"id":"a"}', '{"id":"b"}']);
  expect(events.find(({ type }) => type === "dead-letter")).toMatchObject({ reason: "fatal", message: { offset: 1n } });
}, 60_000);
