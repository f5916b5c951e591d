// A member of a consumer group in a process of its own. It runs until it is killed, or told to end.
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Consumer } from "@platformatic/kafka";
import { Redis } from "ioredis";
import { Kafka, logLevel } from "kafkajs";
import { Pool } from "pg";
import { ConsumerRunner, deduplicated, deduplicatedBatch } from "snowshed/kafka";
import { PostgresDeduplicationStore } from "snowshed/postgres";
import { RedisDeduplicationStore } from "snowshed/redis";

/** @import { ConsumedMessage } from "snowshed/kafka" */
/**
 * @typedef {{ arm: string, kind: "postgres" | "redis" | "none", inBatches: boolean, isOld: boolean, bootstrap: string[], connection: object, redis: string,
 *   topic: string, group: string }} Plan
 */
const plan = /** @type {Plan} */ (JSON.parse(process.argv[2] ?? ""));
const { arm, kind, bootstrap, connection, topic, group } = plan;
const pool = new Pool({ ...connection, max: 12 });
pool.on("error", () => {});

/**
 * A row for each message; and then it is busy, so that some are killed with an effect that is not committed.
 *
 * @param {readonly ConsumedMessage[]} messages
 * @param {{ query(text: string, values: unknown[]): Promise<unknown> }} query
 */
async function work(messages, query) {
  const events = messages.map(({ value }) => String(value));
  await query.query("insert into deliveries (arm, event) select $1, unnest($2::text[])", [arm, events]);
  await sleep(10 + messages.length);
}

function handlers() {
  if (kind === "none") return { handler: (/** @type {ConsumedMessage} */ message) => work([message], pool) };
  if (kind === "redis") {
    const redis = new Redis(plan.redis);
    redis.on("error", () => {});
    const store = new RedisDeduplicationStore(redis, group, { lease: "2s" });
    return { handler: deduplicated((message) => work([message], pool), { store }) };
  }
  const store = new PostgresDeduplicationStore(pool, group, { commandTimeout: "2s", idleTimeout: "5s" });
  if (!plan.inBatches) return { handler: deduplicated((message, query) => work([message], query), { store }) };
  return { batchHandler: deduplicatedBatch(work, { store }), batchSize: 20 };
}

const session = { sessionTimeout: 2000, rebalanceTimeout: 4000, heartbeatInterval: 200 };

/** A client, and what closes it. */
function clientOf() {
  const clientId = `member-${process.pid}`;
  if (plan.isOld) {
    const kafka = new Kafka({ clientId, brokers: bootstrap, logLevel: logLevel.NOTHING, requestTimeout: 1500 });
    const client = kafka.consumer({ groupId: group, ...session, maxWaitTimeInMs: 200 });
    return { client, connect: () => client.connect(), close: () => client.disconnect() };
  }
  const options = { timeout: 1500, connectTimeout: 500, retryDelay: 100 };
  const client = new Consumer({ clientId, bootstrapBrokers: bootstrap, groupId: group, ...session, ...options });
  return { client, connect: async () => {}, close: () => client.close(true) };
}

async function join() {
  const { client, connect, close } = clientOf();
  await connect().catch(() => {});
  const runner = new ConsumerRunner(client, {
    topics: [topic],
    ...handlers(),
    concurrency: 8,
    commitInterval: 300,
    handOverTimeout: 500,
    timeout: "5s",
    retry: { attempts: Number.POSITIVE_INFINITY, backoff: { initial: 20, maximum: 200 } },
  });
  // A group whose coordinator is away.
  while (runner.inspect().state === "idle") await runner.start().catch(() => sleep(100));
  return async () => {
    await runner.stop({ timeout: 500 }).catch(() => {});
    await close().catch(() => {});
  };
}

const leave = await join();
process.send?.("joined");
let isStorm = false;
process.on("message", async (/** @type {"storm" | "calm" | "end"} */ order) => {
  if (order === "calm") isStorm = false;
  if (order === "storm") {
    isStorm = true;
    while (isStorm) {
      const began = performance.now();
      const leaveAgain = await join();
      await sleep(Math.max(0, 1000 - (performance.now() - began)));
      await leaveAgain();
    }
  }
  if (order === "end") {
    isStorm = false;
    await leave();
    process.exit(0);
  }
});
process.on("disconnect", () => process.exit(1));
