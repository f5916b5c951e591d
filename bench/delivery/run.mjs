// The experiment of the article: duplicates of effects without and with snowshed, on a real Kafka, PostgreSQL and Redis.
//
//   node bench/delivery/run.mjs [--events 100000] [--rounds 20] [--arms without,postgres,redis] [--speed-only] [--concurrency 2] [--write]
//
// The producer has its retries on and idempotence off, and loses the answers to one batch in eight. Two consumers work,
// and in each round one fault happens: kill -9 between work and commit (most rounds), a rebalance by a third consumer that
// joins and leaves, kill -9 of the broker, a slow and a cut network. Then all is counted: how many effects each event had.
// Needs Node 24 (it loads TypeScript of the tests), Java 17 and Maven, PostgreSQL and redis-server; builds nothing: npm run build.
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Pool } from "pg";
import { PostgresDeduplicationStore } from "snowshed/postgres";
import { startKafka } from "../../packages/snowshed/test/support/kafka.ts";
import { startPostgres } from "../../packages/snowshed/test/support/postgres.ts";
import { startRedis } from "../../packages/snowshed/test/support/redis.ts";
import { startProxy } from "../../packages/snowshed/test/support/tcp-proxy.ts";
import { produce } from "./producer.mjs";

const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "100000" },
    rounds: { type: "string", default: "20" },
    arms: { type: "string", default: "without,postgres,redis" },
    "speed-only": { type: "boolean", default: false },
    concurrency: { type: "string", default: "2" },
    write: { type: "boolean", default: false },
  },
});
const events = Number(flags.events);
const rounds = Number(flags.rounds);
const arms = flags.arms.split(",");
const partitions = 6;
const program = fileURLToPath(new URL("consumer.mjs", import.meta.url));
const say = (text) => process.stderr.write(`${text}\n`);

/** A consumer process, and what it said last. */
class Worker {
  constructor(plan) {
    this.plan = plan;
    this.counts = { handled: 0, duplicates: 0 };
    this.first = undefined;
    this.last = undefined;
    this.isOver = false;
    this.crashes = 0;
    this.#start();
  }

  #start() {
    const child = fork(program, [JSON.stringify(this.plan)], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
    this.child = child;
    child.on("error", () => {});
    // One that cannot join its group, since the broker is away, ends; somebody starts it again, as in production.
    child.once("exit", () => {
      if (this.child !== child || this.isOver) return;
      this.crashes++;
      setTimeout(() => {
        if (this.child === child && !this.isOver) this.#start();
      }, 500);
    });
    this.child.on("message", ({ counts, at }) => {
      if (counts.handled > this.counts.handled) {
        this.first ??= { at, handled: counts.handled };
        this.last = { at, handled: counts.handled };
      }
      this.counts = counts;
    });
  }

  async #gone(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => child.once("exit", resolve));
  }

  async restart() {
    const { child } = this;
    this.child = undefined;
    child.kill("SIGKILL");
    await this.#gone(child);
    this.counts = { handled: 0, duplicates: 0 };
    this.#start();
  }

  async end() {
    this.isOver = true;
    const { child } = this;
    const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    if (child.connected) child.send("end", () => {});
    await this.#gone(child);
    clearTimeout(killer);
  }
}

const proxies = [];
const kafka = await startKafka({
  advertise: async (port) => {
    const proxy = await startProxy(port);
    proxies.push(proxy);
    return proxy.port;
  },
});
const [proxy] = proxies;
const [broker] = kafka.brokers;
const postgres = await startPostgres();
const redis = await startRedis();
const pool = new Pool(postgres.connection);
pool.on("error", () => {});
await new PostgresDeduplicationStore(pool, "set up").createSchema();
const planOf = (arm, group, table, more) => {
  const { connection } = postgres;
  const plan = { arm, group, table, topic: "events", bootstrap: kafka.bootstrap, connection, redisPort: redis.port };
  return { batchSize: 100, concurrency: 10, work: 0, ...plan, ...more };
};
const countOf = async (table) => {
  const text = `select count(*)::int as effects, count(distinct event)::int as distinct from ${table}`;
  return (await pool.query(text)).rows[0];
};

/** In turn; kill -9 of a consumer more often than the rest, since it is what the article is about. */
const faults = {
  async "kill -9 of a consumer"({ workers, round }) {
    await workers[round % workers.length].restart();
  },
  async rebalance({ plan }) {
    const third = new Worker(plan);
    await sleep(2500);
    await third.end();
  },
  async "kill -9 of the broker"() {
    await broker.kill();
    await broker.start();
  },
  async "a slow network"() {
    proxy.delay(200);
    await sleep(2000);
    proxy.delay(0);
  },
  async "a cut network"() {
    proxy.cut();
    await sleep(1500);
    proxy.restore();
  },
};
const order = [
  "kill -9 of a consumer",
  "rebalance",
  "kill -9 of a consumer",
  "kill -9 of the broker",
  "kill -9 of a consumer",
  "a slow network",
  "kill -9 of a consumer",
  "a cut network",
];

/** All events through one arm, with faults; how many effects there were. */
async function experiment(arm) {
  const table = `effects_${arm}`;
  await pool.query(`create table ${table} (event int not null)`);
  // As slow as it must be for the faults to come in the middle of it: two consumers, each with two batches at once, which take
  // two pieces of work each.
  const seconds = rounds * 2;
  const work = Math.ceil((2 * 2 * 100 * 1000 * seconds) / (1.2 * events) / 2);
  const plan = planOf(arm, `faults-${arm}`, table, { concurrency: 2, work });
  const workers = [new Worker(plan), new Worker(plan)];
  const done = new Map();
  const started = performance.now();
  for (let round = 0; round < rounds; round++) {
    // In the middle of the work: a dead member is missed for a session timeout, in which nobody does anything.
    const due = (events * (round + 0.5)) / (rounds + 1);
    const end = performance.now() + 30_000;
    while ((await countOf(table)).distinct < due && performance.now() < end) await sleep(100);
    const name = order[round % order.length];
    await faults[name]({ workers, plan, round });
    done.set(name, (done.get(name) ?? 0) + 1);
    const { distinct } = await countOf(table);
    say(`${arm}: round ${round + 1}: ${name}; ${distinct} of ${events} events had their effect`);
  }
  // Until nothing comes any more: what was read and not committed comes again.
  let before = -1;
  for (let quiet = 0; quiet < 4;) {
    await sleep(2000);
    const { effects, distinct } = await countOf(table);
    const handled = effects + workers.reduce((sum, { counts }) => sum + counts.handled, 0);
    quiet = distinct === events && handled === before ? quiet + 1 : 0;
    before = handled;
    if (performance.now() - started > 1_800_000) break;
  }
  const told = workers.reduce((sum, { counts }) => sum + counts.duplicates, 0);
  await Promise.all(workers.map((worker) => worker.end()));
  const { effects, distinct } = await countOf(table);
  return { arm, effects, duplicated: effects - distinct, lost: events - distinct, faults: done, told };
}

/** How many messages a consumer handles in a second, without faults. */
async function speed(arm, round, batchSize, each) {
  const table = `speed_${arm}_${round}_${batchSize}_${each}`;
  await pool.query(`create table ${table} (event int not null)`);
  const worker = new Worker(
    planOf(arm, `speed-${arm}-${round}-${batchSize}-${each}`, table, {
      batchSize,
      concurrency: Number(flags.concurrency),
      each,
    }),
  );
  let before = -1;
  for (let quiet = 0; quiet < 3;) {
    await sleep(1000);
    quiet = worker.counts.handled >= events && worker.counts.handled === before ? quiet + 1 : 0;
    before = worker.counts.handled;
  }
  const { first, last } = worker;
  await worker.end();
  return ((last.handled - first.handled) / (last.at - first.at)) * 1000;
}

const percent = (part, whole) => `${((100 * part) / whole).toFixed(3)} %`;
const lines = [];
const print = (line) => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    say("ending");
    void Promise.all([kafka.stop(), postgres.remove(), redis.stop()]).then(() => process.exit(130));
  });
}

try {
  await kafka.createTopic("events", partitions);
  say(`producing ${events} events`);
  const lost = await produce({ ...kafka, topic: "events", events, batchSize: 100, lossy: 1 / 8, proxy });
  print(`# Each event once`);
  print("");
  print(`${events} events; the answers to ${lost} of ${Math.ceil(events / 100)} batches of the producer were lost.`);
  const [load] = loadavg();
  print(
    `Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}, load average ${load.toFixed(1)} before.`,
  );
  print("");
  if (!flags["speed-only"]) {
    print("| consumer | effects | duplicated | of the events | lost | faults |");
    print("| --- | --- | --- | --- | --- | --- |");
    for (const arm of arms) {
      const { effects, duplicated, lost: missing, faults: done } = await experiment(arm);
      const list = [...done].map(([name, count]) => `${count} × ${name}`).join(", ");
      print(`| ${arm} | ${effects} | ${duplicated} | ${percent(duplicated, events)} | ${missing} | ${list} |`);
    }
    print("");
  }
  print("| batch | effect | messages/s without | with PostgreSQL | ratio |");
  print("| --- | --- | --- | --- | --- |");
  await pool.query("create table accounts (id int primary key, balance int not null) with (fillfactor = 50)");
  await pool.query("insert into accounts select g, 0 from generate_series(0, 996) as g");
  const median = (list) => list.toSorted((a, b) => a - b)[1];
  for (const each of [true, false]) {
    for (const batchSize of [100, 500]) {
      const measured = { without: [], postgres: [] };
      for (let round = 0; round < 3; round++) {
        for (const arm of ["without", "postgres"]) measured[arm].push(await speed(arm, round, batchSize, each));
      }
      const [plain, once] = [median(measured.without), median(measured.postgres)];
      const effect = each ? "a statement for each message" : "one INSERT for the batch";
      const ratio = (once / plain).toFixed(2);
      print(`| ${batchSize} | ${effect} | ${Math.round(plain)} | ${Math.round(once)} | ${ratio} |`);
    }
  }
  if (flags.write) writeFileSync(new URL("RESULTS.md", import.meta.url), `${lines.join("\n")}\n`);
} finally {
  await pool.end();
  await Promise.all([kafka.stop(), postgres.remove(), redis.stop()]);
  await proxy.stop();
}
process.exit(0);
