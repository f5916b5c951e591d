// One consumer process of the experiment: `node consumer.mjs <plan as JSON>`. It runs until it is killed, or told to end.
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Consumer } from "@platformatic/kafka";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { ConsumerRunner, deduplicated, deduplicatedBatch } from "snowshed/kafka";
import { PostgresDeduplicationStore } from "snowshed/postgres";
import { RedisDeduplicationStore } from "snowshed/redis";

const plan = JSON.parse(process.argv[2]);
const { arm, bootstrap, connection, group, redisPort, table, topic, work } = plan;
const pool = new Pool({ ...connection, max: 8 });
pool.on("error", () => {});

/** The effect: a row for each message. Then it does something else for a while, as work does: a crash may come there. */
const insert = `insert into ${table} (event) select unnest($1::int[])`;
const numberOf = ({ value }) => Number(value);
async function effect(messages, query) {
  await query.query(insert, [messages.map(numberOf)]);
  // What most handlers are: a statement for each message. Rows in one order, or there would be deadlocks to measure.
  if (plan.each) {
    const accounts = messages.map((message) => numberOf(message) % 997).toSorted((a, b) => a - b);
    for (const id of accounts) await query.query("update accounts set balance = balance + 1 where id = $1", [id]);
  }
  if (work > 0) await sleep(work);
}

/** Transactions, as with the store; the offset is committed some time after. */
async function without(messages) {
  const client = await pool.connect();
  let isBroken = true;
  try {
    await client.query("begin");
    await effect(messages, client);
    await client.query("commit");
    isBroken = false;
  } finally {
    client.release(isBroken);
  }
}

/** The work is done, and Kafka does not know: a crash here makes the article's duplicates. */
const andRest = (handler) => async (what, context) => {
  const result = await handler(what, context);
  if (work > 0) await sleep(work);
  return result;
};

const redis = arm === "redis" ? new Redis(redisPort, "127.0.0.1") : undefined;
redis?.on("error", () => {});
const handlers = {
  without: () => ({ batchHandler: andRest(without) }),
  postgres: () => ({
    batchHandler: andRest(
      deduplicatedBatch((messages, transaction) => effect(messages, transaction), {
        store: new PostgresDeduplicationStore(pool, group),
      }),
    ),
  }),
  redis: () => ({
    handler: andRest(
      deduplicated((message) => effect([message], pool), {
        store: new RedisDeduplicationStore(redis, group, { lease: "5s" }),
      }),
    ),
    // One by one, as many at once as the others have in their batches.
    concurrency: plan.concurrency * plan.batchSize,
  }),
};

const client = new Consumer({
  clientId: `consumer-${process.pid}`,
  bootstrapBrokers: bootstrap,
  groupId: group,
  sessionTimeout: 6000,
  rebalanceTimeout: 10_000,
  heartbeatInterval: 500,
  timeout: 5000,
  connectTimeout: 1000,
  retryDelay: 200,
});
const runner = new ConsumerRunner(client, {
  topics: [topic],
  batchSize: plan.batchSize,
  commitInterval: "500ms",
  concurrency: plan.concurrency,
  maxPending: 4 * plan.batchSize,
  retry: { attempts: 1000, backoff: { initial: 20, maximum: 500 } },
  maxClockSkew: "1000h",
  ...handlers[arm](),
});

process.on("message", () => {
  void runner
    .stop({ timeout: 3000 })
    .catch(() => {})
    .then(() => process.exit(0));
});
process.on("disconnect", () => process.exit(1));
await runner.start();
setInterval(
  () => process.send({ counts: runner.inspect().counts, at: performance.timeOrigin + performance.now() }),
  50,
);
