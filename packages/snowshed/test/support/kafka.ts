import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Admin } from "@platformatic/kafka";
import type { ServerPrograms } from "./server-programs.ts";
import { findOrInstall, freePort, run, searchPath } from "./server-programs.ts";

export interface KafkaBroker {
  readonly id: number;
  readonly port: number;
  readonly pid: number;
  /** As a machine does that loses its power. Resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** `"SIGSTOP"`: it hangs, its connections stay; `"SIGCONT"`: it goes on. */
  readonly signal: (name: "SIGSTOP" | "SIGCONT") => void;
  /** Starts it again, where it was. Resolves when it takes connections. */
  readonly start: () => Promise<void>;
}

export interface KafkaCluster {
  /** `127.0.0.1:<port>` of all. */
  readonly bootstrap: string[];
  readonly brokers: readonly KafkaBroker[];
  readonly createTopic: (topic: string, partitions: number) => Promise<void>;
  /** Ends it and removes its data. */
  readonly stop: () => Promise<void>;
}

export interface KafkaOptions {
  /** Brokers that are controllers, too: 1 or 3. Default: 1. */
  readonly nodes?: 1 | 3;
  /** Lines of its server.properties. */
  readonly settings?: readonly string[];
  /**
   * The port that clients are told for a broker, of a proxy in front of it. Asked once the broker's own port is known.
   */
  readonly advertise?: (port: number, id: number) => Promise<number>;
}

const version = "4.1.1";

const programs: ServerPrograms = {
  server: "Kafka",
  names: ["java", "mvn"],
  places: searchPath,
  packages: ["openjdk-17-jre-headless", "maven"],
};

/** With the logger that the broker writes to: without one it says nothing of why it did not start. */
const dependencies = [
  ["org.apache.kafka", "kafka_2.13", version],
  ["org.apache.logging.log4j", "log4j-core", "2.25.1"],
  ["org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.1"],
  ["org.apache.logging.log4j", "log4j-1.2-api", "2.25.1"],
] as const;

const logging = `
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%p %c{1} %m%n
rootLogger.level=error
rootLogger.appenderRef.out.ref=out
`;

interface Installation {
  readonly classPath: string;
  /** The data directory of a node that was never started. */
  readonly formatted: string;
}

/** The broker's jars, from Maven Central, and an empty data directory: made once for each user of this machine. */
async function install(): Promise<Installation> {
  await findOrInstall(programs);
  const cache = join(tmpdir(), `snowshed-kafka-${version}-${userInfo().uid}`);
  mkdirSync(cache, { recursive: true });
  const libraries = await make(join(cache, "libs"), async (directory) => {
    const lines = dependencies.map(
      ([group, name, own]) =>
        `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${own}</version></dependency>`,
    );
    const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
      <groupId>snowshed</groupId><artifactId>kafka</artifactId><version>1</version>
      <dependencies>${lines.join("")}</dependencies></project>`;
    writeFileSync(join(directory, "pom.xml"), pom);
    const args = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime"];
    await run("mvn", args, { cwd: directory });
    return join(directory, "libs");
  });
  const classPath = readdirSync(libraries)
    .map((name) => join(libraries, name))
    .join(":");
  const formatted = await make(join(cache, "formatted"), async (directory) => {
    const node = { id: 1, port: 1, controller: 2, advertised: 1 };
    const file = join(directory, "server.properties");
    writeFileSync(file, properties(node, [node], join(directory, "data"), []));
    const args = ["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", classPath, "kafka.tools.StorageTool", "format"];
    await run("java", [...args, "-t", randomId(), "-c", file], { cwd: directory });
    return join(directory, "data");
  });
  return { classPath, formatted };
}

/** Somewhere else first, and moved when complete: two test files may be at it. */
async function make(place: string, build: (directory: string) => Promise<string>): Promise<string> {
  if (existsSync(place)) return place;
  const directory = mkdtempSync(`${place}-`);
  const built = await build(directory);
  try {
    renameSync(built, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
  rmSync(directory, { recursive: true, force: true });
  return place;
}

/** 16 bytes in base64 without padding, as its own tool makes them. */
function randomId(): string {
  // One that begins with a dash is an option to the tool.
  return `A${Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(16)))
    .toString("base64url")
    .slice(1)}`;
}

/** Its data directory, as its own tool makes it: that takes seconds for each. */
function format(node: Node, formatted: string, data: string): void {
  cpSync(formatted, data, { recursive: true });
  const file = join(data, "meta.properties");
  const text = readFileSync(file, "utf8")
    .replace(/^node\.id=.*$/m, `node.id=${node.id}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${randomId()}`);
  writeFileSync(file, text);
}

interface Node {
  readonly id: number;
  readonly port: number;
  readonly controller: number;
  readonly advertised: number;
}

function properties(node: Node, nodes: readonly Node[], data: string, settings: readonly string[]): string {
  const voters = nodes.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(",");
  const replicas = nodes.length;
  const inSync = Math.min(2, replicas);
  return [
    "process.roles=broker,controller",
    `node.id=${node.id}`,
    `controller.quorum.voters=${voters}`,
    `listeners=PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${node.controller}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${node.advertised}`,
    "controller.listener.names=CONTROLLER",
    "inter.broker.listener.name=PLAINTEXT",
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    `log.dirs=${data}`,
    `offsets.topic.replication.factor=${replicas}`,
    "offsets.topic.num.partitions=3",
    `transaction.state.log.replication.factor=${replicas}`,
    `transaction.state.log.min.isr=${inSync}`,
    "transaction.state.log.num.partitions=3",
    `share.coordinator.state.topic.replication.factor=${replicas}`,
    `share.coordinator.state.topic.min.isr=${inSync}`,
    `default.replication.factor=${replicas}`,
    `min.insync.replicas=${inSync}`,
    "group.initial.rebalance.delay.ms=0",
    "group.min.session.timeout.ms=1000",
    "auto.create.topics.enable=false",
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
    "controlled.shutdown.enable=false",
    "log.cleaner.enable=false",
    ...settings,
    "",
  ].join("\n");
}

/** A Kafka of its own for the test, on free ports of this machine, without ZooKeeper. It takes about four seconds to start. */
export async function startKafka({
  nodes: count = 1,
  settings = [],
  advertise,
}: KafkaOptions = {}): Promise<KafkaCluster> {
  const { classPath, formatted } = await install();
  const directory = mkdtempSync(join(tmpdir(), "snowshed-kafka-"));
  writeFileSync(join(directory, "log4j2.properties"), logging);
  const nodes: Node[] = [];
  for (let id = 1; id <= count; id++) {
    const port = await freePort();
    nodes.push({ id, port, controller: await freePort(), advertised: (await advertise?.(port, id)) ?? port });
  }
  const brokers: KafkaBroker[] = [];
  try {
    for (const node of nodes) {
      const file = join(directory, `${node.id}.properties`);
      const data = join(directory, `data-${node.id}`);
      writeFileSync(file, properties(node, nodes, data, settings));
      format(node, formatted, data);
      brokers.push(brokerOf(node, directory, file, classPath));
    }
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await stopAll(brokers, directory);
    throw error;
  }
  const bootstrap = nodes.map(({ advertised }) => `127.0.0.1:${advertised}`);
  return {
    bootstrap,
    brokers,
    createTopic: async (topic, partitions) => {
      await withAdmin(bootstrap, async (admin) => {
        await admin.createTopics({ topics: [topic], partitions, replicas: count });
        // Made is not known everywhere: a client that asks another broker may be told that there is no such topic.
        const isKnown = async (): Promise<boolean> => {
          const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
          return topics.get(topic)?.partitions.every(({ leader }) => leader >= 0) ?? false;
        };
        while (!(await isKnown().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 50));
      });
    },
    stop: () => stopAll(brokers, directory),
  };
}

async function withAdmin<T>(bootstrapBrokers: string[], task: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({
    clientId: "snowshed-test",
    bootstrapBrokers,
    retries: 0,
    timeout: 5000,
    connectTimeout: 1000,
  });
  try {
    return await task(admin);
  } finally {
    await admin.close().catch(() => {});
  }
}

/** Whether this broker is one of the cluster, by its own word. */
function takesConnections({ id, port }: Node): Promise<boolean> {
  return withAdmin([`127.0.0.1:${port}`], async (admin) => {
    const { brokers } = await admin.metadata({ topics: [], forceUpdate: true });
    return brokers.has(id);
  }).catch(() => false);
}

async function stopAll(brokers: readonly KafkaBroker[], directory: string): Promise<void> {
  await Promise.all(brokers.map((broker) => broker.kill()));
  rmSync(directory, { recursive: true, force: true });
}

function brokerOf(node: Node, directory: string, file: string, classPath: string): KafkaBroker {
  let child: ChildProcess | null = null;
  let gone: Promise<void> = Promise.resolve();
  const start = async (): Promise<void> => {
    // What a start costs here is mostly compiling: the first tier is enough for a test.
    const args = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"];
    args.push(`-Dlog4j2.configurationFile=${join(directory, "log4j2.properties")}`, "-cp", classPath);
    args.push("kafka.Kafka", file);
    const started = spawn("java", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
    child = started;
    let said = "";
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        said = `${said}${String(chunk)}`.slice(-4000);
      });
    }
    let isGone = false;
    gone = new Promise((resolve) => {
      started.on("close", () => {
        isGone = true;
        resolve();
      });
    });
    while (!(await takesConnections(node))) {
      if (isGone) throw new Error(`Kafka ended:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  return {
    id: node.id,
    port: node.port,
    get pid() {
      return child?.pid ?? Number.NaN;
    },
    kill: async () => {
      child?.kill("SIGKILL");
      child = null;
      await gone;
    },
    signal: (name) => void child?.kill(name),
    start,
  };
}
