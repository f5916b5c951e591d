import type { IdempotentProducerOptions, MintedEvent, KafkaProducerLike } from "snowshed/kafka";
import { idempotentProducer } from "snowshed/kafka";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { Deferred } from "../../support/promises.ts";
import { deferred, drained, outcome } from "../../support/promises.ts";

/** A producer of kafkajs whose sends end when the test says so. */
function fake(options: IdempotentProducerOptions = {}, isIdempotent = true) {
  const sends: { readonly values: string[]; readonly acks: number | undefined; readonly end: Deferred<void> }[] = [];
  const client: KafkaProducerLike = {
    isIdempotent: () => isIdempotent,
    sendBatch: ({ acks, topicMessages = [] }) => {
      const end = deferred();
      const values = topicMessages.flatMap(({ messages }) => messages.map(({ value }) => String(value)));
      sends.push({ values, acks, end });
      return end.promise;
    },
  };
  const clock = new FakeClock();
  const producer = idempotentProducer(client, { clock, deadline: 1000, ...options });
  const event = (value: string): MintedEvent => producer.mint({ topic: "orders", type: "order.paid", key: "k", value });
  return { producer, clock, sends, event };
}

test("one batch after the other, with acks of all: what comes in between goes together", async () => {
  const { producer, sends, event } = fake();
  const all = ["1", "2", "3"].map((value) => producer.send(event(value)));
  await drained();
  expect(sends.map(({ values, acks }) => [values, acks])).toEqual([[["1"], -1]]);
  expect(producer.inspect()).toEqual({ queued: 2, inFlight: 1, written: 0, failed: 0, expired: 0 });
  const flushed = producer.flush();
  sends[0]!.end.resolve();
  await all[0];
  expect((await outcome(flushed)).status).toBe("pending");
  expect(sends[1]?.values).toEqual(["2", "3"]);
  sends[1]!.end.resolve();
  await Promise.all([...all, flushed]);
  expect(producer.inspect()).toEqual({ queued: 0, inFlight: 0, written: 3, failed: 0, expired: 0 });
});

test("what comes together is sent in parts that a broker takes, one after the other", async () => {
  const { producer, sends, event } = fake();
  const large = "x".repeat(200_000);
  const sent = producer.send([event(`1${large}`), event(`2${large}`), event(`3${large}`), event("4")]);
  await drained();
  const firsts = (): string[][] => sends.map(({ values }) => values.map((value) => value[0]!));
  expect(firsts()).toEqual([["1", "2"]]);
  sends[0]!.end.resolve();
  await drained();
  expect(firsts()).toEqual([
    ["1", "2"],
    ["3", "4"],
  ]);
  expect((await outcome(sent)).status).toBe("pending");
  sends[1]!.end.resolve();
  await sent;
  // When one fails, what comes behind it is not sent: it would overtake it.
  const failing = producer.send([event(`5${large.repeat(4)}`), event("6")]);
  await drained();
  sends[2]!.end.reject(new Error("too large"));
  await expect(failing).rejects.toThrow("too large");
  expect(firsts().slice(2)).toEqual([["5"]]);
  expect(producer.inspect()).toMatchObject({ queued: 0, inFlight: 0, written: 4, failed: 2 });
});

test("a client that hangs for ever: whoever waits is told at the deadline, and what the client never got is not written", async () => {
  const { producer, clock, sends, event } = fake();
  const [first, second] = [producer.send(event("1")), producer.send(event("2"))];
  const ends = [outcome(first), outcome(second)];
  await clock.advance(999);
  expect((await ends[0])?.status).toBe("pending");
  await clock.advance(1);
  await expect(first).rejects.toMatchObject({
    code: "SNOWSHED_DEADLINE_EXCEEDED",
    message: expect.stringContaining("it may be written all the same") as string,
  });
  await expect(second).rejects.toMatchObject({
    code: "SNOWSHED_DEADLINE_EXCEEDED",
    message: expect.stringContaining("it was not written") as string,
  });
  expect(producer.inspect()).toMatchObject({ queued: 0, inFlight: 1, expired: 2 });
  // When the broker is back, the client goes on with what it had.
  const third = producer.send(event("3"));
  sends[0]!.end.resolve();
  await drained();
  expect(sends.map(({ values }) => values)).toEqual([["1"], ["3"]]);
  sends[1]!.end.resolve();
  await third;
});

test("an abort takes back what waits", async () => {
  const { producer, sends, event } = fake();
  const controller = new AbortController();
  const first = producer.send(event("1"), { signal: controller.signal });
  const second = producer.send(event("2"), { signal: controller.signal });
  controller.abort();
  await expect(first).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
  await expect(second).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
  sends[0]!.end.resolve();
  await producer.flush();
  expect(sends).toHaveLength(1);
  await expect(producer.send(event("3"), { signal: controller.signal })).rejects.toMatchObject({
    code: "SNOWSHED_CANCELED",
  });
});

test("what the client says reaches all of the batch; the next batch goes all the same", async () => {
  const { producer, sends, event } = fake();
  const failure = new Error("too large");
  const [first, second] = [producer.send(event("1")), producer.send(event("2"))];
  await drained();
  sends[0]!.end.reject(failure);
  await expect(first).rejects.toBe(failure);
  await drained();
  sends[1]!.end.resolve();
  await second;
  expect(producer.inspect()).toMatchObject({ written: 1, failed: 1 });
});

test("so many may wait, and no more", async () => {
  const { producer, sends, event } = fake({ maxQueued: 2, batchSize: 1 });
  const all = ["1", "2", "3"].map((value) => producer.send(event(value)));
  await expect(producer.send(event("4"))).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
  for (let index = 0; index < 3; index++) {
    await drained();
    sends[index]!.end.resolve();
  }
  await Promise.all(all);
  expect(sends.map(({ values }) => values)).toEqual([["1"], ["2"], ["3"]]);
});

describe("events", () => {
  test("two of one trace, of one type, at one time are two", () => {
    const { producer } = fake();
    const draft = { topic: "orders", type: "order.line", traceId: "trace", value: "" };
    const times = Array.from({ length: 100 }, () => producer.mint(draft).headers.get("event_timestamp")?.toString());
    expect(new Set(times).size).toBe(100);
  });

  test("keep their identity, however often they are sent; their own headers stay", async () => {
    const { producer } = fake();
    const event = producer.mint({ topic: "orders", type: "order.paid", value: "1", headers: { color: "red" } });
    const names = ["color", "trace_id", "event_type", "event_timestamp"];
    expect([...event.headers.keys()]).toEqual(names);
    expect(event.headers.get("trace_id")?.toString()).toMatch(/^[0-9a-f]{32}$/);
    expect(event.headers.get("color")?.toString()).toBe("red");
  });

  test.each([
    ["no topic", { topic: "", type: "t", value: "" }],
    ["no type", { topic: "t", type: "", value: "" }],
    ["a trace with a NUL", { topic: "t", type: "t", value: "", traceId: "\0" }],
    ["a value that is a number", { topic: "t", type: "t", value: 5 as unknown as string }],
    ["a partition that is a fraction", { topic: "t", type: "t", value: "", partition: 0.5 }],
    ["a header that is an object", { topic: "t", type: "t", value: "", headers: { a: {} as string } }],
  ])("%s is refused", (_, draft) => {
    expect(() => fake().producer.mint(draft)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  });

  test("one without an identity is refused before anything is sent", () => {
    const { producer, sends, event } = fake();
    const anonymous = { ...event("1"), headers: new Map<string, Buffer>() };
    expect(() => producer.send([event("2"), anonymous])).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
    expect(sends).toEqual([]);
  });
});

describe("settings that lose or double messages are refused", () => {
  const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;
  const platformatic = (options: object): KafkaProducerLike => {
    const client = {
      send: async () => {},
      getSendTopicPartitions: () => new Map<string, Set<number>>(),
      metadata: async () => ({ topics: new Map<string, { partitionsCount: number }>() }),
      producerId: undefined,
    };
    return Object.assign(client, { [Symbol("plt.kafka.base.options")]: options });
  };

  test("kafkajs without idempotence", () => expect(() => fake({}, false)).toThrow(invalid));
  test.each([
    { idempotent: false },
    { idempotent: true, acks: 1 },
    { idempotent: true, acks: 0 },
    { idempotent: true, retries: 0 },
    { idempotent: true, retries: false },
    { idempotent: true, serializers: {} },
  ])("@platformatic/kafka with %o", (options) => {
    expect(() => idempotentProducer(platformatic(options))).toThrow(invalid);
  });
  test("and those that keep them are not", () => {
    expect(() => idempotentProducer(platformatic({ idempotent: true, acks: -1, retries: 5 }))).not.toThrow();
  });
  test.each([
    { deadline: 0 },
    { deadline: -1 },
    { deadline: Number.NaN },
    { deadline: Number.POSITIVE_INFINITY },
    { batchSize: 0 },
    { batchSize: 1.5 },
    { maxQueued: -1 },
    { maxQueued: Number.NaN },
  ])("options %o", (options) => expect(() => fake(options)).toThrow(invalid));
  test.each([undefined, null, 5, {}])("a client that is %s", (client) => {
    expect(() => idempotentProducer(client as KafkaProducerLike)).toThrow(invalid);
  });
});
