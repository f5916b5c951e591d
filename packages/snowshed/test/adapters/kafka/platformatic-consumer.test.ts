// What the adapter does with a client of @platformatic/kafka that gives no answer; with a real one: *.node22.test.ts.
import { Context } from "snowshed";
import type { PlatformaticConsumerLike } from "snowshed/kafka";
import { expect, test } from "vitest";
import { Committer } from "../../../src/adapters/kafka/committer.ts";
import { PartitionWork } from "../../../src/adapters/kafka/partition-work.ts";
import { PlatformaticConsumer } from "../../../src/adapters/kafka/platformatic-consumer.ts";
import { PlatformaticCoordinator } from "../../../src/adapters/kafka/platformatic-coordinator.ts";
import { clock, useFakeTime } from "../../support/fake-time.ts";

useFakeTime();

type Offsets = Parameters<PlatformaticConsumerLike["commit"]>[0]["offsets"];

const here = { host: "127.0.0.1", port: 9092 };
const there = { host: "127.0.0.1", port: 9093 };

test("a commit without an answer has an end: it says nothing any more, and the coordinator's connection is closed", async () => {
  const commits: Offsets[] = [];
  const closed: number[] = [];
  const client = {
    commit: ({ offsets }: { offsets: Offsets }) => {
      commits.push(offsets);
      return commits.length === 1 ? new Promise(() => {}) : Promise.resolve();
    },
    coordinatorId: 2,
    currentMetadata: {
      brokers: new Map([
        [1, here],
        [2, there],
      ]),
    },
    connections: { getEstablishedConnection: ({ port }: typeof here) => ({ close: async () => closed.push(port) }) },
  } as unknown as PlatformaticConsumerLike;
  const consumer = new PlatformaticConsumer(client, { topics: ["orders"], start: "earliest", clock });
  const failures: unknown[] = [];
  const committer = new Committer(consumer, clock, (error) => failures.push(error));
  const work = new PartitionWork({ topic: "orders", partition: 0, first: 5n }, Context.root({ clock }), 10);
  const underWay = committer.commit([work]);
  await clock.advance(4999);
  expect(commits).toMatchObject([[{ topic: "orders", partition: 0, offset: 5n }]]);
  expect(closed).toEqual([]);
  await clock.advance(1);
  await underWay;
  expect(commits).toEqual([[]]);
  expect(closed).toEqual([there.port]);
  expect(failures).toMatchObject([{ code: "SNOWSHED_DEADLINE_EXCEEDED" }]);
  expect(work.committed).toBeUndefined();
  await committer.commit([work]);
  expect(commits[1]).toMatchObject([{ offset: 5n }]);
  expect(work.committed).toBe(5n);
  expect(closed).toHaveLength(1);
  expect([committer.commits, committer.failures]).toEqual([1, 1]);
});

test("a coordinator that the cluster does not list is somewhere where nobody is, one that it lists is not", async () => {
  const asked: unknown[] = [];
  const brokers = new Map([[1, here]]);
  const client = {
    coordinatorId: 1 as number | null,
    currentMetadata: { brokers } as { brokers: typeof brokers } | undefined,
    metadata: async ({ topics }: { topics: string[] }) => Promise.resolve(void asked.push(topics)),
    listCommittedOffsets: async () => Promise.reject(new Error(`not here: ${[...brokers.keys()].join()}`)),
  };
  const coordinator = new PlatformaticCoordinator(client as unknown as PlatformaticConsumerLike, ["orders"]);
  await coordinator.findAnew();
  expect([...brokers]).toEqual([[1, here]]);
  client.coordinatorId = 2;
  await coordinator.findAnew();
  expect(brokers.get(1)).toEqual(here);
  expect(brokers.get(2)).toMatchObject({ port: 0 });
  expect(asked).toEqual([["orders"], ["orders"]]);
  client.coordinatorId = null;
  await coordinator.findAnew();
  client.currentMetadata = undefined;
  client.coordinatorId = 3;
  expect(coordinator.prepare()).toBe(false);
  expect(asked).toHaveLength(2);
});

test("a join without an end is asked again, each time of another broker", async () => {
  const closed: number[] = [];
  const client = {
    coordinatorId: null,
    currentMetadata: undefined,
    connections: { getEstablishedConnection: ({ port }: typeof here) => ({ close: async () => closed.push(port) }) },
    [Symbol("plt.kafka.base.bootstrapBrokers")]: [here, there],
  } as unknown as PlatformaticConsumerLike;
  const cancel = new PlatformaticCoordinator(client, ["orders"]).watch(clock);
  await clock.advance(14_999);
  expect(closed).toEqual([]);
  await clock.advance(1);
  expect(closed).toEqual([here.port]);
  await clock.advance(15_000);
  expect(closed).toEqual([here.port, there.port]);
  cancel();
  await clock.advance(60_000);
  expect(closed).toHaveLength(2);
});

test.each([
  {
    name: "a log that was cut off behind what was read begins anew",
    committed: 20n,
    range: [3n, 8n],
    told: ["restart"],
  },
  { name: "what is gone before it was read is told", committed: 1n, range: [3n, 8n], told: ["skipped 1 3"] },
  { name: "a partition that is in its log is left where it is", committed: 5n, range: [3n, 8n], told: [] },
])("of an offset out of range: $name", async ({ committed, range, told }) => {
  const offsets: bigint[] = [];
  const listeners = new Map<string, (payload: unknown) => void>();
  const metadata = { topics: new Map([["orders", { id: "id", partitions: [{ leader: 1, leaderEpoch: 0 }] }]]) };
  const client = {
    generationId: 1,
    coordinatorId: null,
    currentMetadata: undefined,
    assignments: [{ topic: "orders", partitions: [0] }],
    topics: { track: () => true, untrack: () => true },
    on: (event: string, listener: (payload: unknown) => void) => listeners.set(event, listener),
    removeListener: () => {},
    joinGroup: async ({ protocolsMetadata }: { protocolsMetadata: (...of: unknown[]) => Promise<unknown> }) => {
      await protocolsMetadata(null, ["orders"], metadata);
      listeners.get("consumer:group:join")!({ isLeader: true });
    },
    metadata: () => Promise.resolve(metadata),
    clearMetadata: () => {},
    leaveGroup: () => Promise.resolve(),
    listCommittedOffsets: () => Promise.resolve(new Map([["orders", [committed]]])),
    listOffsets: ({ timestamp }: { timestamp: bigint }) =>
      Promise.resolve(new Map([["orders", [timestamp === -2n ? range[0] : range[1]]]])),
    fetch: ({ topics }: { topics: { partitions: { fetchOffset: bigint }[] }[] }) => {
      offsets.push(topics[0]!.partitions[0]!.fetchOffset);
      if (offsets.length > 1) return new Promise(() => {});
      return Promise.reject(Object.assign(new Error("out of range"), { apiId: "OFFSET_OUT_OF_RANGE" }));
    },
  } as unknown as PlatformaticConsumerLike;
  const consumer = new PlatformaticConsumer(client, { topics: ["orders"], start: "earliest", clock });
  const heard: string[] = [];
  await consumer.start({
    onAssigned: () => {},
    onRevoked: () => Promise.resolve(),
    onLost: () => {},
    onMessages: () => expect.unreachable(),
    onPassed: () => {},
    onRestart: () => heard.push("restart"),
    onSkipped: (_, from, to) => heard.push(`skipped ${from} ${to}`),
    onFailure: () => {},
  });
  await clock.advance(1000);
  expect(heard).toEqual(told);
  expect(offsets).toEqual([committed, told.length === 0 ? committed : range[0]]);
  await consumer.stop();
});
