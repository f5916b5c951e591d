import { Kafka, logLevel } from "kafkajs";
import type { Consumer, Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { startEtcd } from "../../../snowshed/test/support/etcd.ts";
import type { EtcdCluster } from "../../../snowshed/test/support/etcd.ts";
import { startKafka } from "../../../snowshed/test/support/kafka.ts";
import type { KafkaCluster } from "../../../snowshed/test/support/kafka.ts";
import { startSentinel } from "../../../snowshed/test/support/redis.ts";
import type { RedisSentinels } from "../../../snowshed/test/support/redis.ts";
import { freePort } from "../../../snowshed/test/support/server-programs.ts";
import { AllowList } from "../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../src/gate/chaos/toxiproxy-api.ts";
import { addWithResolvers } from "../support/add-with-resolvers.ts";
import { chaosFiles, runChaos } from "../support/chaos.ts";

addWithResolvers();

// R20: a fault is injected as a gate of a release: a delay at the brokers of Kafka; if the consumer group does not resume
// within 90 seconds, the release is blocked.

/** `SNOWSHED_R20=full`: with the article's own figures, which takes minutes. */
const isFull = process.env["SNOWSHED_R20"] === "full";
const delayMs = isFull ? 3000 : 1000;
/** Who asks a broker at the beginning has waited for it by the end. */
const durationS = isFull ? 60 : 1.5;
/** Consumers that never come back are waited for so long. */
const stuckS = isFull ? 90 : 2;
vi.setConfig({ testTimeout: isFull ? 600_000 : 120_000 });

const topic = "orders";
const group = "billing";

let api: ToxiproxyApi;
let url: string;
let kafka: KafkaCluster;
let redis: RedisSentinels;
let etcd: EtcdCluster;

/** Three brokers, each behind a proxy that all of them and all clients use. */
async function startBrokers(): Promise<void> {
  api = new ToxiproxyApi(new AllowList(undefined));
  const { port } = await api.listen({ host: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${port}`;
  kafka = await startKafka({
    nodes: 3,
    advertise: async (own, id) => {
      const upstream = { host: "127.0.0.1", port: own };
      return (await api.create(`broker-${id}`, { host: "127.0.0.1", port: 0 }, upstream)).port;
    },
  });
  await kafka.createTopic(topic, 3);
}

// All at once, and the command beside them: each of them mostly waits.
beforeAll(async () => {
  const servers = [
    startBrokers(),
    startSentinel({ downAfter: 500 }).then((started) => void (redis = started)),
    startEtcd({ members: 3 }).then((started) => void (etcd = started)),
  ];
  await Promise.all([...servers, import("../../src/gate/gate-run.ts"), import("../../src/gate/chaos/stage.ts")]);
}, 300_000);
afterAll(async () => {
  await Promise.all([kafka.stop().then(() => api.close()), redis.stop(), etcd.remove()]);
});

function clientsOf({ bootstrap }: KafkaCluster): { readonly producer: Producer; readonly consumer: Consumer } {
  const client = new Kafka({ brokers: bootstrap, logLevel: logLevel.NOTHING, requestTimeout: 10_000 });
  const producer = client.producer();
  const consumer = client.consumer({
    groupId: group,
    sessionTimeout: 10_000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
  });
  onTestFinished(async () => {
    await Promise.all([producer.disconnect(), consumer.disconnect()]);
  });
  return { producer, consumer };
}

test("the article's scenario: a delay in front of three brokers, judged on what the consumers confirm", async () => {
  const { producer, consumer } = clientsOf(kafka);
  await Promise.all([producer.connect(), consumer.connect()]);
  let isProducing = true;
  const produce = async (): Promise<void> => {
    while (isProducing) {
      const messages = [0, 1, 2].map((partition) => ({ partition, value: "x" }));
      await producer.send({ topic, messages }).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommitInterval: 200, eachMessage: async () => {} });
  const producing = produce();
  const progress = {
    probe: "consumer-progress",
    brokers: kafka.bootstrap,
    group,
    topic,
    overMs: 500,
    timeoutMs: 15_000,
  };
  const experiment = {
    id: "kafka-delay",
    steadyState: [{ ...progress, tolerance: { minPerSecond: 1 } }],
    fault: {
      engine: "toxiproxy",
      target: { url, proxies: ["broker-1", "broker-2", "broker-3"] },
      kind: "latency",
      delayMs,
      durationS,
      settleS: 20,
    },
    faultSeen: { probe: "broker-rtt", target: kafka.bootstrap[0], minMs: delayMs * 0.8 },
    recover: { withinS: 90, expect: ["group-stable", "consumer-progress"] },
  };

  const passed = await runChaos(chaosFiles([experiment]));
  expect([passed.code, passed.stage?.verdict, passed.stage?.notes[0]?.message]).toEqual([
    0,
    "pass",
    expect.stringContaining("recovered"),
  ]);

  // The same without a fault that anybody could see: no pass.
  const unseen = { ...experiment, fault: { ...experiment.fault, delayMs: 1, durationS: 0.3 } };
  const inconclusive = await runChaos(chaosFiles([unseen]));
  expect([inconclusive.code, inconclusive.stage?.facts.experiments?.[0]?.outcome]).toEqual([3, "fault-not-seen"]);

  // Consumers that do not come back: their group looks well, and confirms nothing. The limit is short: so is the test.
  const stuck = { ...experiment, recover: { withinS: stuckS, expect: ["group-stable", "consumer-progress"] } };
  const running = runChaos(chaosFiles([stuck]));
  await expect
    .poll(async () => JSON.stringify(await (await fetch(`${url}/proxies`)).json()), { timeout: 30_000 })
    .toContain(`"latency":${delayMs}`);
  consumer.pause([{ topic }]);
  const blocked = await running;
  expect([blocked.code, blocked.stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/recovers-in-time"]]);
  expect(blocked.stage?.findings[0]?.message).toContain("nothing was confirmed");
  isProducing = false;
  await producing;
});

describe("the same for the other two", () => {
  test("Redis: the master is killed, and Sentinel has another in time; without one, blocked", async () => {
    const { sentinels, servers } = redis;
    const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`);
    const write = { probe: "redis", sentinels: addresses, master: "main", write: true, timeoutMs: 1000 };
    const experiment = {
      id: "redis-failover",
      steadyState: [write],
      fault: {
        engine: "signal",
        target: { redisMaster: "main", sentinels: addresses },
        kind: "kill",
        durationS: 0.5,
        probeEveryMs: 50,
      },
      faultSeen: { ...write, fails: true },
      recover: { withinS: 60, expect: ["steady-state"] },
    };
    const { code, stage } = await runChaos(chaosFiles([experiment]));
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([0, "recovered"]);
    expect(await servers[1]!.cli("role")).toContain("master");
    // The one that is left has nobody to take its place.
    const last = { ...experiment, recover: { withinS: 1, expect: ["steady-state"] } };
    const blocked = await runChaos(chaosFiles([last]));
    expect([blocked.code, blocked.stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/recovers-in-time"]]);
  });

  test("etcd: the leader is killed, and the others go on; with one of three left, blocked", async () => {
    const read = { probe: "etcd", endpoints: etcd.endpoints, timeoutMs: 3000 };
    const experiment = {
      id: "etcd-leader",
      steadyState: [read],
      fault: {
        engine: "signal",
        target: { etcdLeader: etcd.endpoints },
        kind: "kill",
        durationS: 0.3,
        probeEveryMs: 50,
      },
      faultSeen: { ...read, all: true, fails: true },
      recover: { withinS: 30, expect: ["steady-state"] },
    };
    const { code, stage } = await runChaos(chaosFiles([experiment]));
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([0, "recovered"]);
    const alive = await etcd.leader();
    const last = { ...experiment, faultSeen: { ...read, endpoints: [alive.endpoint], fails: true } };
    const blocked = await runChaos(chaosFiles([{ ...last, recover: { withinS: 1, expect: ["steady-state"] } }]));
    expect([blocked.code, blocked.stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/recovers-in-time"]]);
  });
});

test("the article's command needs what it leaves out: a namespace, a port, and a time after which it ends by itself", async () => {
  const target = { labels: "app=kafka-broker", interface: "eth0" };
  const experiment = {
    id: "kafka-delay",
    steadyState: [{ probe: "tcp", target: `127.0.0.1:${await freePort()}` }],
    fault: { engine: "chaosblade", target, kind: "latency", delayMs: 3000, durationS: 60 },
    faultSeen: { probe: "broker-rtt", target: "127.0.0.1:9092", minMs: 2500 },
    recover: { withinS: 90, expect: ["steady-state"] },
  };
  const { code, stderr } = await runChaos(chaosFiles([experiment]));
  expect([code, stderr]).toEqual([2, expect.stringContaining("without it the whole interface is hit")]);
});
