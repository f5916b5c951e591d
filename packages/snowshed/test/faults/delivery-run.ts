// Three brokers, each behind a proxy; consumer groups that all read one topic; and things that go wrong for all of them at once.
import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Consumer } from "@platformatic/kafka";
import type { Pool } from "pg";
import { idempotentProducer } from "snowshed/kafka";
import type { IdempotentProducer, MintedEvent } from "snowshed/kafka";
import { Database } from "../adapters/postgres/fixture.ts";
import type { KafkaCluster } from "../support/kafka.ts";
import { startKafka } from "../support/kafka.ts";
import { platformatic } from "../support/kafka-clients.ts";
import type { RedisServer } from "../support/redis.ts";
import { startRedis } from "../support/redis.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import { startProxy } from "../support/tcp-proxy.ts";

const program = fileURLToPath(new URL("delivery-member.mjs", import.meta.url));
const partitions = 6;
const eventsOfRound = 600;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How effects are kept from coming twice: the store, whether in batches or by the other client, or not at all. */
export const arms = ["postgres", "postgres batch", "postgres kafkajs", "redis", "none"] as const;
export type Arm = (typeof arms)[number];

/** What became of the events so far. */
export interface Tally {
  readonly events: number;
  /** Effects that came again, and events that have none although all was committed. */
  readonly duplicated: number;
  readonly lost: number;
  /** Times the position of a partition was seen to go back. */
  readonly setBack: number;
}

class Member {
  readonly #plan: object;
  #child: ChildProcess;
  /** When it is one of its group, for the first time. */
  readonly joined: Promise<unknown>;

  constructor(plan: object) {
    this.#plan = plan;
    this.#child = this.#fork();
    this.joined = new Promise((resolve) => this.#child.once("message", resolve));
  }

  #fork(): ChildProcess {
    return fork(program, [JSON.stringify(this.#plan)], {
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(name);
  }

  tell(order: "storm" | "calm" | "end"): void {
    this.#child.send(order);
  }

  async kill(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }

  restart(): void {
    this.#child = this.#fork();
  }
}

/** Its members, and what the broker knows of it. */
class Group {
  readonly members: readonly Member[];
  readonly #observer: Consumer;
  readonly #topic: string;
  readonly #seen: bigint[] = [];
  setBack = 0;

  constructor(arm: Arm, topic: string, bootstrap: string[], connection: object, redis: string) {
    const group = `delivery-${arm.replace(" ", "-")}`;
    const [kind] = arm.split(" ");
    const plan = {
      arm,
      kind,
      inBatches: arm.endsWith("batch"),
      isOld: arm.endsWith("kafkajs"),
      bootstrap,
      connection,
      redis,
      topic,
      group,
    };
    this.members = [new Member(plan), new Member(plan)];
    this.#topic = topic;
    const options = { timeout: 2000, connectTimeout: 500, retryDelay: 100 };
    this.#observer = new Consumer({ clientId: "observer", bootstrapBrokers: bootstrap, groupId: group, ...options });
  }

  /** Whether everything that is written is committed. */
  async isDone(): Promise<boolean> {
    const topics = [{ topic: this.#topic, partitions: Array.from({ length: partitions }, (_, index) => index) }];
    try {
      const committed = (await this.#observer.listCommittedOffsets({ topics })).get(this.#topic) ?? [];
      const ends = (await this.#observer.listOffsets({ topics: [this.#topic], timestamp: -1n })).get(this.#topic) ?? [];
      for (const [partition, offset] of committed.entries()) {
        if (offset < (this.#seen[partition] ?? 0n)) this.setBack++;
        this.#seen[partition] = offset;
      }
      return ends.length === partitions && ends.every((end, partition) => committed[partition] === end);
    } catch {
      this.#observer.clearMetadata();
      return false;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await this.#observer.close(true);
  }
}

interface Scene {
  readonly cluster: KafkaCluster;
  readonly proxies: readonly TcpProxy[];
  /** One of each group. */
  readonly victims: readonly Member[];
  /** How often this has gone wrong before. */
  readonly turn: number;
}

/** What can go wrong; each puts all right again before it ends. */
const faults = {
  async "consumer killed"({ victims }: Scene) {
    await Promise.all(victims.map((victim) => victim.kill()));
    for (const victim of victims) victim.restart();
  },
  async "members join and leave"({ victims }: Scene) {
    for (const victim of victims) victim.tell("storm");
    await sleep(4000);
    for (const victim of victims) victim.tell("calm");
  },
  async "consumer stopped for longer than its session"({ victims }: Scene) {
    for (const victim of victims) victim.signal("SIGSTOP");
    await sleep(4000);
    for (const victim of victims) victim.signal("SIGCONT");
  },
  async "broker killed"({ cluster, turn }: Scene) {
    const broker = cluster.brokers[turn % 3]!;
    await broker.kill();
    await sleep(3000);
    await broker.start();
  },
  async "network cut"({ proxies, turn }: Scene) {
    const proxy = proxies[turn % 3]!;
    proxy.halfOpen();
    await sleep(4000);
    proxy.restore();
  },
  async "network slow"({ proxies }: Scene) {
    for (const proxy of proxies) proxy.delay(150);
    await sleep(3000);
    for (const proxy of proxies) proxy.restore();
  },
};
export const faultNames = Object.keys(faults) as (keyof typeof faults)[];

/** Rounds of events, each with a fault in the middle. */
export class DeliveryRun {
  readonly #cluster: KafkaCluster;
  readonly #proxies: readonly TcpProxy[];
  readonly #database: Database;
  readonly #pool: Pool;
  readonly #redis: RedisServer;
  readonly #groups: ReadonlyMap<Arm, Group>;
  readonly #producer: IdempotentProducer;
  readonly #closeProducer: () => Promise<void>;
  readonly #topic: string;
  #events = 0;

  private constructor(
    cluster: KafkaCluster,
    proxies: readonly TcpProxy[],
    database: Database,
    redis: RedisServer,
    topic: string,
    producer: IdempotentProducer,
    closeProducer: () => Promise<void>,
    chosen: readonly Arm[],
  ) {
    this.#cluster = cluster;
    this.#proxies = proxies;
    this.#database = database;
    this.#pool = database.pool();
    this.#redis = redis;
    this.#topic = topic;
    this.#producer = producer;
    this.#closeProducer = closeProducer;
    const { connection } = database.server;
    const groups = chosen.map((arm) => [arm, new Group(arm, topic, cluster.bootstrap, connection, redis.url)] as const);
    this.#groups = new Map(groups);
  }

  static async start(chosen: readonly Arm[]): Promise<DeliveryRun> {
    const proxies: TcpProxy[] = [];
    const [cluster, database, redis] = await Promise.all([
      startKafka({
        nodes: 3,
        advertise: async (port) => {
          const proxy = await startProxy(port);
          proxies.push(proxy);
          return proxy.port;
        },
      }),
      Database.start(),
      startRedis(),
    ]);
    await database.pool().query("create table deliveries (arm text, event text)");
    const topic = "delivery";
    await cluster.createTopic(topic, partitions);
    const { client, close } = await platformatic.producer(cluster.bootstrap);
    const producer = idempotentProducer(client, { deadline: "5s" });
    const run = new DeliveryRun(cluster, proxies, database, redis, topic, producer, close, chosen);
    await Promise.all([...run.#groups.values()].flatMap(({ members }) => members.map(({ joined }) => joined)));
    return run;
  }

  /** Resolves when each group has committed all of it, or after a minute. */
  async round(round: number): Promise<boolean> {
    const name = faultNames[round % faultNames.length]!;
    const turn = Math.floor(round / faultNames.length);
    const groups = [...this.#groups.values()];
    const victims = groups.map(({ members }) => members[turn % 2]!);
    const first = this.#events;
    const feeding = this.#feed();
    await this.#untilAtWork(first);
    await faults[name]({ cluster: this.#cluster, proxies: this.#proxies, victims, turn });
    await feeding;
    const end = performance.now() + 60_000;
    while (performance.now() < end) {
      const done = await Promise.all([...this.#groups].map(([arm, group]) => this.#isDone(arm, group)));
      if (done.every(Boolean)) return true;
      await sleep(100);
    }
    return false;
  }

  async #isDone(arm: Arm, group: Group): Promise<boolean> {
    if (await group.isDone()) return true;
    // kafkajs may set back what another member has committed; without a new message nobody commits it again.
    return arm.endsWith("kafkajs") && group.setBack > 0 && (await this.tallies()).get(arm)!.lost === 0;
  }

  async tallies(): Promise<ReadonlyMap<Arm, Tally>> {
    const { rows } = await this.#pool.query<{ arm: string; effects: number; different: number }>(
      "select arm, count(*)::int as effects, count(distinct event)::int as different from deliveries group by arm",
    );
    const tallyOf = (arm: Arm): Tally => {
      const { effects = 0, different = 0 } = rows.find((row) => row.arm === arm) ?? {};
      const { setBack } = this.#groups.get(arm)!;
      return { events: this.#events, duplicated: effects - different, lost: this.#events - different, setBack };
    };
    return new Map([...this.#groups.keys()].map((arm) => [arm, tallyOf(arm)]));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#groups.values()].map((group) => group.stop()));
    await this.#closeProducer();
    await Promise.all([this.#cluster.stop(), this.#database.stop(), this.#redis.stop()]);
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
  }

  /** So that there is something to be hit: effects in each group of what comes from now on. */
  async #untilAtWork(first: number): Promise<void> {
    const statement = "select arm from deliveries where event::int >= $1 group by arm having count(*) > 100";
    while ((await this.#pool.query(statement, [first])).rowCount !== this.#groups.size) await sleep(20);
  }

  /** Over a second or two; of each ten events one is written twice, as by a program that lost the answer. */
  async #feed(): Promise<void> {
    const first = this.#events;
    this.#events += eventsOfRound;
    for (let number = first; number < this.#events; number += 20) {
      const events = Array.from({ length: 20 }, (_, index) => this.#event(number + index));
      await this.#send([...events, ...events.slice(0, 2)]);
      await sleep(40);
    }
  }

  #event(number: number): MintedEvent {
    const value = String(number);
    return this.#producer.mint({ topic: this.#topic, type: "counted", key: `key-${number % 50}`, value });
  }

  /** Again until it was written: a send that rejects may have written all the same. */
  async #send(events: readonly MintedEvent[]): Promise<void> {
    for (;;) {
      try {
        return await this.#producer.send(events);
      } catch {
        await sleep(100);
      }
    }
  }
}
