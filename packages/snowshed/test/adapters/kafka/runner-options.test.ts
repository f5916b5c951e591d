import type { ConsumerRunnerOptions, DeduplicationStore, KafkaConsumerLike } from "snowshed/kafka";
import { ConsumerRunner, deduplicated, deduplicatedBatch } from "snowshed/kafka";
import { expect, test } from "vitest";

const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;
const client = { commitOffsets: () => {} } as unknown as KafkaConsumerLike;
const handler = (): void => {};
const good = { topics: ["orders"], handler };

test("what is right is taken", () => {
  expect(new ConsumerRunner(client, good).inspect()).toMatchObject({ state: "idle", active: 0, partitions: [] });
});

test.each<[string, object]>([
  ["no topics", { handler, topics: [] }],
  ["a topic without a name", { handler, topics: [""] }],
  ["topics that are a text", { handler, topics: "orders" }],
  ["no handler", { topics: ["orders"] }],
  ["two handlers", { ...good, batchHandler: handler }],
  ["a handler that is none", { topics: ["orders"], handler: 5 }],
  ["batchSize 0", { ...good, batchSize: 0 }],
  ["concurrency 0", { ...good, concurrency: 0 }],
  ["concurrency NaN", { ...good, concurrency: Number.NaN }],
  ["maxPending 1.5", { ...good, maxPending: 1.5 }],
  ["orderBy", { ...good, orderBy: "key" }],
  ["timeout 0", { ...good, timeout: 0 }],
  ["timeout NaN", { ...good, timeout: Number.NaN }],
  ["attempts 0", { ...good, retry: { attempts: 0 } }],
  ["a retry that is a number", { ...good, retry: 3 }],
  ["backoff", { ...good, retry: { backoff: { initial: -1 } } }],
  ["deadLetters without a producer", { ...good, deadLetters: {} }],
  ["limiter", { ...good, limiter: {} }],
  ["breaker", { ...good, breaker: {} }],
  ["classify", { ...good, classify: "transient" }],
  ["commitInterval 0", { ...good, commitInterval: 0 }],
  ["commitInterval Infinity", { ...good, commitInterval: Number.POSITIVE_INFINITY }],
  ["handOverTimeout", { ...good, handOverTimeout: -1 }],
  ["start", { ...good, start: "middle" }],
  ["maxClockSkew", { ...good, maxClockSkew: -1 }],
  ["onEvent", { ...good, onEvent: {} }],
])("%s is refused", (_, options) => {
  expect(() => new ConsumerRunner(client, options as ConsumerRunnerOptions)).toThrow(invalid);
});

test.each([undefined, null, 5, {}])("a client that is %s is refused", (other) => {
  expect(() => new ConsumerRunner(other as KafkaConsumerLike, good)).toThrow(invalid);
});

test("a store without what is needed of it is refused", () => {
  const store = { apply: async () => ({ status: "duplicate" }) } as unknown as DeduplicationStore;
  expect(() => deduplicated(handler, { store })).not.toThrow();
  expect(() => deduplicatedBatch(handler, { store })).toThrow(invalid);
  expect(() => deduplicated(handler, { store: null as unknown as DeduplicationStore })).toThrow(invalid);
  expect(() => deduplicated(handler, { store, key: "id" as never })).toThrow(invalid);
  expect(() => deduplicated(5 as never, { store })).toThrow(invalid);
});
