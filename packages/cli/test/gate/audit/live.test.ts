// What running servers and the kernel are asked: a real Redis, a real etcd, and a /proc of files.
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { EtcdCluster } from "../../../../snowshed/test/support/etcd.ts";
import { startEtcd } from "../../../../snowshed/test/support/etcd.ts";
import type { RedisServer } from "../../../../snowshed/test/support/redis.ts";
import { startRedis } from "../../../../snowshed/test/support/redis.ts";
import { askAll } from "../../../src/gate/audit/live/ask.ts";
import { askEtcd } from "../../../src/gate/audit/live/etcd.ts";
import type { KafkaClient } from "../../../src/gate/audit/live/kafka.ts";
import { askKafka, installedKafka } from "../../../src/gate/audit/live/kafka.ts";
import { askKernel } from "../../../src/gate/audit/live/kernel.ts";
import { askRedis } from "../../../src/gate/audit/live/redis.ts";
import { parseConfig } from "../../../src/gate/config/load.ts";
import type { Fact } from "../../../src/gate/facts.ts";
import type { GateReport } from "../../../src/gate/report/gate-report.ts";
import { verdictOf } from "../../../src/gate/verdict.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";

let redis: RedisServer;
let etcd: EtcdCluster;

beforeAll(async () => {
  [redis, etcd] = await Promise.all([
    startRedis({ password: "hunter2", args: ["--maxmemory", "0", "--maxclients", "100"] }),
    startEtcd(),
  ]);
}, 60_000);

afterAll(() => Promise.all([redis.stop(), etcd.remove()]));

const options = { path: ["connections", "x"], timeoutMs: 5000, signal: new AbortController().signal };

function valuesOf(facts: readonly Fact[]): Record<string, string> {
  return Object.fromEntries(facts.map(({ name, value }) => [name, value]));
}

async function audit(yaml: string, env: Record<string, string> = {}) {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, "snowshed.yaml"), `version: 1\n${yaml}`);
  writeFileSync(path.join(folder, "redis.conf"), "maxmemory 1gb\n");
  const argv = ["gate", "audit", "--live", "-c", path.join(folder, "snowshed.yaml"), "-o", "json"];
  const { code, stdout } = await run(argv, { env });
  const stage = (JSON.parse(stdout) as GateReport).stages.find((each) => each.stage === "audit");
  return { code, stdout, findings: stage?.findings ?? [] };
}

describe("a running Redis", () => {
  test("tells its settings and figures, and its password is nowhere", async () => {
    const { facts, notes } = await askRedis(redis.url, options);
    expect(notes).toEqual([]);
    expect(valuesOf(facts)).toMatchObject({
      maxmemory: "0",
      maxclients: "100",
      requirepass: "***",
      "info.role": "master",
    });
    expect(JSON.stringify(facts)).not.toContain("hunter2");
    expect(Number(valuesOf(facts)["info.used_memory"])).toBeGreaterThan(0);
  });

  test("whose settings may not be read is a note, and its figures count", async () => {
    await redis.cli("acl", "setuser", "limited", "on", ">other", "+@all", "-config");
    const { facts, notes } = await askRedis(`redis://limited:other@127.0.0.1:${redis.port}`, options);
    expect(notes).toMatchObject([{ kind: "skipped" }]);
    expect(valuesOf(facts)["maxmemory"]).toBeUndefined();
    expect(valuesOf(facts)["info.role"]).toBe("master");
  });

  test("that refuses, is not there or says nothing is a failed note", async () => {
    const silent = createServer((socket) => void socket.on("error", () => {}));
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    const { port } = silent.address() as { port: number };
    const answers = await Promise.all([
      askRedis(`redis://127.0.0.1:${redis.port}`, options),
      askRedis("redis://127.0.0.1:1", options),
      askRedis(`redis://127.0.0.1:${port}`, { ...options, timeoutMs: 200 }),
      askRedis("http://127.0.0.1:1", options),
      askEtcd(`http://127.0.0.1:${port}`, { ...options, timeoutMs: 200 }),
      askEtcd("http://127.0.0.1:1", options),
    ]);
    silent.close();
    for (const { facts, notes } of answers) {
      expect(facts).toEqual([]);
      expect(notes).toMatchObject([{ kind: "failed" }]);
      expect(notes[0]?.message).toMatch(/could not be asked: ./);
    }
  });
});

test("a web server in the place of etcd is no etcd, and an address that cannot be read is a note", async () => {
  const web = createWebServer((_, response) => void response.end("<html>"));
  await new Promise<void>((resolve) => {
    web.listen(0, "127.0.0.1", resolve);
  });
  const { port } = web.address() as { port: number };
  const { facts, notes } = await askEtcd(`http://127.0.0.1:${port}`, options);
  web.close();
  web.closeAllConnections();
  expect(facts).toEqual([]);
  expect(notes).toMatchObject([{ kind: "failed" }]);
  expect(notes[0]?.message).toContain("nothing of etcd");
  const { config } = parseConfig("version: 1\n", "snowshed.yaml");
  const redis = { max: 4, perProcess: 1, processes: 4, servers: ["redis://:100%zz@127.0.0.1:1"] };
  const asked = await askAll(
    { ...config, connections: { redis } },
    { env: {}, signal: options.signal, sampleMs: 1, folder: "/" },
  );
  const said = asked.notes.filter(({ kind }) => kind === "failed").map(({ message }) => message);
  expect(said.join()).toMatch(/^connections\.redis\.servers\.0 could not be asked: it is no address/);
  expect(said.join()).not.toContain("zz");
});

test("a running etcd tells its metrics and its status", async () => {
  const { facts, notes } = await askEtcd(etcd.endpoints[0]!, options);
  const values = valuesOf(facts);
  expect(notes).toEqual([]);
  expect(values["metric.etcd_server_has_leader"]).toBe("1");
  expect(values["status.version"]).toMatch(/^3\./);
  expect(Number(values["metric.etcd_server_quota_backend_bytes"])).toBeGreaterThan(1e9);
  expect(Number(values["p99.wal-fsync-seconds"])).toBeGreaterThan(0);
});

test("the gate asks what the configuration names, with passwords from the environment", async () => {
  const yaml = `connections:
  redis: { max: 48, perProcess: 4, processes: 12, replicas: 1, servers: ["redis://:\${REDIS_PASSWORD}@127.0.0.1:${redis.port}"] }
  etcd: { max: 2, perProcess: 1, processes: 2, commandTimeoutMs: 100, servers: ["${etcd.endpoints[0]}"] }
files: { redis: [redis.conf] }
workloads:
  lock: { writesPerSecond: 1, ordering: none, consistency: eventual, store: redis-sentinel, topology: { replicas: 3 },
          write: { command: "SET k v EX 30 NX", wait: { replicas: 3, timeoutMs: 5000, onShortfall: compensate, sameConnection: true } } }
`;
  const { code, findings, stdout } = await audit(yaml, { REDIS_PASSWORD: "hunter2" });
  expect(code).toBe(1);
  const live = findings.filter(({ message }) => message.includes(`redis://127.0.0.1:${redis.port}`));
  expect(live.map(({ rule }) => rule)).toEqual(
    expect.arrayContaining(["audit/redis-maxmemory", "audit/redis-live-replicas", "audit/live-differs-from-file"]),
  );
  expect(stdout).not.toContain("hunter2");
});

test("a note names the place of its server, also behind one whose variable is not set", async () => {
  const { config } = parseConfig("version: 1\n", "snowshed.yaml");
  const redis = { max: 4, perProcess: 1, processes: 4, servers: ["redis://${NOT_SET}:1", "redis://:%zz@127.0.0.1:1"] };
  const { notes } = await askAll(
    { ...config, connections: { redis } },
    { env: {}, signal: options.signal, sampleMs: 1, folder: "/" },
  );
  const failed = notes.filter(({ kind }) => kind === "failed").map(({ message }) => message.split(" ")[0]);
  expect(failed).toEqual(["connections.redis.servers.0", "connections.redis.servers.1"]);
});

test("a server that does not answer, or a variable that is not set, leaves the audit inconclusive", async () => {
  const connection = { max: 4, perProcess: 1, processes: 4 };
  const servers = ["redis://:${NOT_SET}@127.0.0.1:1", "redis://127.0.0.1:1"];
  const { config } = parseConfig("version: 1\n", "snowshed.yaml");
  const asked = { ...config, connections: { redis: { ...connection, servers }, x: connection } };
  const { notes } = await askAll(asked, { env: {}, signal: options.signal, sampleMs: 1, folder: "/" });
  const failed = notes.filter(({ kind }) => kind === "failed").map(({ message }) => message);
  expect(failed).toHaveLength(2);
  expect(failed.join()).toMatch(/NOT_SET is not set/);
  expect(notes.some(({ message }) => message.startsWith("connections.x has no servers"))).toBe(true);
  expect(verdictOf([], notes)).toBe("inconclusive");
});

describe("Kafka", () => {
  const entries = [
    { configName: "min.insync.replicas", configValue: "1" },
    { configName: "ssl.keystore.password", configValue: null },
    { configName: "sasl.jaas.config", configValue: "hunter2" },
  ];

  /** A client whose cluster has so many brokers, each of which answers as it is told. */
  function clientOf(count: number, answer: (nodeId: string) => Promise<typeof entries>): KafkaClient {
    const brokers = Array.from({ length: count }, (_, index) => ({ nodeId: index + 1, host: "b", port: 9092 + index }));
    return {
      admin: () => ({
        connect: () => Promise.resolve(),
        disconnect: () => new Promise<never>(() => {}),
        describeCluster: () => Promise.resolve({ brokers }),
        describeConfigs: async (request) => {
          const { resources } = request as { readonly resources: readonly { type: number; name: string }[] };
          expect(resources).toMatchObject([{ type: 4 }]);
          return { resources: [{ configEntries: await answer(resources[0]!.name) }] };
        },
      }),
    };
  }
  const never = new Promise<never>(() => {});

  test("each broker is asked for its own settings, once, whichever addresses lead to it", async () => {
    const asked: string[] = [];
    const client = clientOf(2, async (id) => {
      asked.push(id);
      return entries;
    });
    const { facts, notes } = await askKafka(["a:9092", "b:9092"], options, () => Promise.resolve(client));
    expect([asked, notes]).toEqual([["1", "2"], []]);
    const least = facts.filter(({ name }) => name === "min.insync.replicas");
    expect(least.map(({ server }) => server)).toEqual(["kafka broker 1 of a:9092", "kafka broker 2 of a:9092"]);
    expect(JSON.stringify(facts)).not.toContain("hunter2");
  });

  test("of those that never answer none keeps back the others' answers, and all have the same time", async () => {
    const warnings: string[] = [];
    const warned = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
    const asked: string[] = [];
    const client = clientOf(40, (id) => {
      asked.push(id);
      return id === "7" ? Promise.resolve(entries) : never;
    });
    const { facts, notes } = await askKafka(["a:9092"], { ...options, timeoutMs: 50 }, () => {
      return Promise.resolve(client);
    });
    expect(asked).toHaveLength(40);
    expect(new Set(facts.map(({ server }) => server))).toEqual(new Set(["kafka broker 7 of a:9092"]));
    expect(notes).toHaveLength(39);
    // Of listeners on the one signal: it would be on the user's terminal.
    expect(warnings).toEqual([]);
    expect(notes[0]).toMatchObject({
      kind: "failed",
      message: "kafka broker 1 of a:9092, at b:9092, could not be asked: no answer within 50 ms",
    });
  });

  test("one that was stopped", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    const client = clientOf(1, () => never);
    const stopped = await askKafka(["a:9092"], { ...options, signal }, () => Promise.resolve(client));
    expect(stopped.notes[0]?.message).toContain("stopped");
  });

  test("without a client, or without an answer, it is a failed note", async () => {
    const none = await askKafka(["a:9092"], options, () => Promise.resolve(undefined));
    expect(none.notes[0]?.message).toContain("kafkajs is not installed");
    const { notes } = await askKafka(["127.0.0.1:1"], { ...options, timeoutMs: 200 }, installedKafka("/"));
    expect(notes).toMatchObject([{ kind: "failed" }]);
  });

  test("the client beside the configuration is used, wherever the command line is installed", async () => {
    const folder = temporaryFolder();
    const place = path.join(folder, "node_modules", "kafkajs");
    mkdirSync(place, { recursive: true });
    const text = `exports.logLevel = { NOTHING: 0 };
      exports.Kafka = class { constructor() { throw new Error("this one"); } };`;
    writeFileSync(path.join(place, "index.js"), text);
    const kafka = { max: 4, perProcess: 1, processes: 4, servers: ["127.0.0.1:1"] };
    writeFileSync(path.join(folder, "snowshed.yaml"), JSON.stringify({ version: 1, connections: { kafka } }));
    const argv = ["gate", "audit", "--live", "-c", path.join(folder, "snowshed.yaml"), "-o", "json"];
    const { code, stdout } = await run(argv);
    expect([code, stdout]).toEqual([3, expect.stringContaining("could not be asked: this one")]);
  });
});

describe("the kernel", () => {
  function procFolder(overflows: number): string {
    const root = temporaryFolder();
    const files = {
      "proc/sys/net/core/somaxconn": "128\n",
      "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
      "proc/sys/vm/swappiness": "60\n",
      "proc/sys/fs/file-nr": "1234\t0\t99\n",
      "proc/meminfo": "MemTotal: 1 kB\nSwapTotal:       0 kB\n",
      "proc/net/netstat": `TcpExt: ListenOverflows ListenDrops\nTcpExt: ${overflows} 7\n`,
      "proc/net/sockstat": "sockets: used 1\nTCP: inuse 1 orphan 0 tw 42 alloc 1 mem 1\n",
      "proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024     4096     files\n",
      "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      writeFileSync(path.join(root, name), text);
    }
    return root;
  }

  test("settings, limits, and counters only by how much they grew", async () => {
    const root = procFolder(798_520);
    const { signal } = options;
    const asking = askKernel({ root, sampleMs: 50, signal, settings: ["vm.swappiness", "../../etc/passwd"] });
    const values = valuesOf((await asking).facts);
    expect(values).toMatchObject({
      "net.core.somaxconn": "128",
      "net.ipv4.ip_local_port_range": "32768 60999",
      "memory.swap-total-kb": "0",
      "delta.ListenOverflows": "0",
      "sockets.tw": "42",
      "files.open": "1234",
      "limit.nofile": "1024",
      "transparent-huge-pages": "madvise",
    });
  });

  test("a machine without /proc/sys is a failed note", async () => {
    const { facts, notes } = await askKernel({ root: temporaryFolder(), sampleMs: 0, signal: options.signal });
    expect(facts).toEqual([]);
    expect(notes).toMatchObject([{ kind: "failed" }]);
  });
});
