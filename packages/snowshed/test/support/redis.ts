import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisTopology } from "./redis-clients.ts";
import type { ServerPrograms } from "./server-programs.ts";
import { findOrInstall, freePort, run, searchPath } from "./server-programs.ts";

export type { RedisTopology, TestClient } from "./redis-clients.ts";
export { clients } from "./redis-clients.ts";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly topology: RedisTopology;
  readonly pid: number;
  /** What redis-cli prints for a command; rejects with what the server refuses it with. */
  readonly cli: (...command: string[]) => Promise<string>;
  /** As a machine does that loses its power. Resolves when it is gone. */
  readonly kill: () => Promise<void>;
  /** Starts it again, at the same port. Resolves when it answers. */
  readonly start: () => Promise<void>;
  /** Ends it and removes its data. */
  readonly stop: () => Promise<void>;
}

export interface RedisOptions {
  /** As on the command line: `["--maxmemory", "5mb"]`. */
  readonly args?: readonly string[];
  readonly password?: string;
}

export interface RedisSentinels {
  readonly topology: RedisTopology;
  /** The first of them is the master at the beginning. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  readonly stop: () => Promise<void>;
}

export interface RedisCluster {
  readonly topology: RedisTopology;
  /** Three masters, then the replicas in the same order, if there are any. */
  readonly servers: readonly RedisServer[];
  readonly stop: () => Promise<void>;
}

const programs: ServerPrograms = {
  server: "Redis",
  names: ["redis-server", "redis-cli"],
  places: () => [...searchPath(), "/usr/local/bin", "/opt/homebrew/bin"],
  packages: ["redis-server"],
};

/** The directory of redis-server, which is installed if it can be. */
export function findRedis(): Promise<string> {
  return findOrInstall(programs);
}

const sentinelPrograms: ServerPrograms = { ...programs, names: ["redis-sentinel"], packages: ["redis-sentinel"] };

const deadline = 60_000;

/** Polls until `condition` holds. */
export async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const end = Date.now() + deadline;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited ${deadline} ms: ${what}`, { cause: error });
    }
    if (Date.now() > end) throw new Error(`waited ${deadline} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function launch(
  port: number,
  password: string | undefined,
  command: (place: string, directory: string) => readonly string[],
): Promise<RedisServer> {
  const place = await findRedis();
  const directory = mkdtempSync(join(tmpdir(), "snowshed-redis-"));
  const authentication = password === undefined ? [] : ["--no-auth-warning", "-a", password];
  let child: ChildProcess | null = null;
  let gone: Promise<void> = Promise.resolve();

  const cli = async (...words: string[]): Promise<string> => {
    const args = ["-p", String(port), "-e", ...authentication, ...words];
    return (await run(join(place, "redis-cli"), args, { timeout: 10_000 })).trimEnd();
  };

  const start = async (): Promise<void> => {
    const [program = "", ...args] = command(place, directory);
    const end = Date.now() + deadline;
    for (;;) {
      const started = spawn(program, args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
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
      await until(async () => isGone || ((await cli("ping")) === "PONG" && !isGone), "Redis answers");
      if (!isGone) return;
      // Somebody else may have been given the port while nobody had it.
      if (!/in use/i.test(said) || Date.now() > end) throw new Error(`Redis ended:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    child?.kill(signal);
    // One that was stopped does not see a SIGTERM.
    if (signal === "SIGTERM") child?.kill("SIGCONT");
    child = null;
    await gone;
  };

  const stop = async (): Promise<void> => {
    await end("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    url: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    topology: { kind: "single", port },
    get pid() {
      return child?.pid ?? Number.NaN;
    },
    cli,
    kill: () => end("SIGKILL"),
    start,
    stop,
  };
}

const usual = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--enable-debug-command", "yes"];

/** A Redis of its own for the test, on a free port of this machine; it keeps nothing when it ends. */
export async function startRedis({ args = [], password }: RedisOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const secret = password === undefined ? [] : ["--requirepass", password];
  return launch(port, password, (place) => [
    join(place, "redis-server"),
    "--port",
    String(port),
    ...usual,
    ...secret,
    ...args,
  ]);
}

async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/**
 * A master, a replica, and three Sentinels that replace the master when it has been silent for `downAfter` milliseconds: half a
 * minute by default, since a master on a busy machine may be silent for a second.
 */
export async function startSentinel({
  downAfter = 30_000,
}: { readonly downAfter?: number } = {}): Promise<RedisSentinels> {
  const place = await findOrInstall(sentinelPrograms);
  const started: RedisServer[] = [];
  try {
    const master = await startRedis();
    started.push(master);
    const replica = await startRedis({ args: ["--replicaof", "127.0.0.1", String(master.port)] });
    started.push(replica);
    await until(async () => (await replica.cli("info", "replication")).includes("master_link_status:up"), "a replica");
    const sentinels: RedisServer[] = [];
    for (let index = 0; index < 3; index++) {
      const port = await freePort();
      const settings = [
        `port ${port}`,
        "bind 127.0.0.1",
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds main ${downAfter}`,
        "sentinel failover-timeout main 5000",
      ];
      const sentinel = await launch(port, undefined, (_, directory) => {
        const file = join(directory, "sentinel.conf");
        writeFileSync(file, `${settings.join("\n")}\n`);
        return [join(place, "redis-sentinel"), file];
      });
      started.push(sentinel);
      sentinels.push(sentinel);
    }
    // Before they know of each other, they cannot agree on a failover.
    for (const { cli } of sentinels) {
      const knows = async (): Promise<boolean> => {
        const said = await cli("sentinel", "master", "main");
        return said.includes("num-other-sentinels\n2") && said.includes("num-slaves\n1");
      };
      await until(knows, "the Sentinels know each other");
    }
    const topology = { kind: "sentinel", name: "main", ports: sentinels.map(({ port }) => port) } as const;
    return { topology, servers: [master, replica], sentinels, stop: () => stopAll(started) };
  } catch (error) {
    await stopAll(started);
    throw error;
  }
}

const slots = 16_384;

/** A Cluster of three masters, each with a replica if so said. */
export async function startRedisCluster({
  replicas = false,
}: { readonly replicas?: boolean } = {}): Promise<RedisCluster> {
  const servers: RedisServer[] = [];
  try {
    const buses: number[] = [];
    for (let index = 0; index < (replicas ? 6 : 3); index++) {
      const bus = await freePort();
      const args = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "2000"];
      servers.push(await startRedis({ args }));
      buses.push(bus);
    }
    const [first, ...others] = servers as [RedisServer, ...RedisServer[]];
    for (const [index, server] of servers.slice(0, 3).entries()) {
      const [from, to] = [Math.ceil((slots / 3) * index), Math.ceil((slots / 3) * (index + 1)) - 1];
      await server.cli("cluster", "addslotsrange", String(from), String(to));
      await server.cli("cluster", "set-config-epoch", String(index + 1));
    }
    for (const [index, { port }] of others.entries()) {
      await first.cli("cluster", "meet", "127.0.0.1", String(port), String(buses[index + 1]));
    }
    const knowAll = async (): Promise<boolean> => {
      const seen = await Promise.all(servers.map((server) => server.cli("cluster", "nodes")));
      return seen.every((text) => text.split("\n").length === servers.length && !text.includes("handshake"));
    };
    await until(knowAll, "the nodes know each other");
    for (const [index, replica] of servers.slice(3).entries()) {
      await replica.cli("cluster", "replicate", await servers[index]!.cli("cluster", "myid"));
    }
    const isUp = async (): Promise<boolean> => {
      const states = await Promise.all(servers.map((server) => server.cli("cluster", "info")));
      const infos = await Promise.all(servers.slice(3).map((server) => server.cli("info", "replication")));
      return (
        states.every((text) => text.includes("cluster_state:ok")) &&
        infos.every((text) => text.includes("master_link_status:up"))
      );
    };
    await until(isUp, "the cluster is up");
    const topology = { kind: "cluster", ports: servers.map(({ port }) => port) } as const;
    return { topology, servers, stop: () => stopAll(servers) };
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

/**
 * Moves a slot of a Cluster from one master to another, as its tools do; key by key, with so many milliseconds before and
 * after each.
 */
export async function moveSlot(
  { servers }: RedisCluster,
  slot: number,
  from: RedisServer,
  to: RedisServer,
  pause: number = 0,
): Promise<void> {
  const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pause));
  const [fromId, toId] = await Promise.all([from.cli("cluster", "myid"), to.cli("cluster", "myid")]);
  await to.cli("cluster", "setslot", String(slot), "importing", fromId);
  await from.cli("cluster", "setslot", String(slot), "migrating", toId);
  await rest();
  for (;;) {
    const keys = (await from.cli("cluster", "getkeysinslot", String(slot), "1"))
      .split("\n")
      .filter((key) => key !== "");
    if (keys.length === 0) break;
    await from.cli("migrate", "127.0.0.1", String(to.port), "", "0", "5000", "keys", ...keys);
    await rest();
  }
  for (const server of [to, from, ...servers.filter((each) => each !== to && each !== from)]) {
    await server.cli("cluster", "setslot", String(slot), "node", toId).catch(() => {});
  }
}

/** Whether it is a master, as it says itself. */
export async function isMaster(server: RedisServer): Promise<boolean> {
  return (await server.cli("info", "replication")).includes("role:master");
}

/**
 * Orders the other one of a Cluster's pair to be the master; resolves when the old one follows it. It gives up by itself when the
 * other masters do not vote in time, and on a busy machine an order that came late may be followed by another, back to the old
 * master: so it is asked for until it has come to stay.
 */
export async function failOverCluster(old: RedisServer, next: RedisServer): Promise<void> {
  const isOver = async (): Promise<boolean> =>
    (await isMaster(next)) && (await old.cli("info", "replication")).includes("master_link_status:up");
  for (let attempt = 0; attempt < 24; attempt++) {
    if (!(await isMaster(next))) await next.cli("cluster", "failover");
    for (let look = 0; look < 100; look++) {
      if (await isOver()) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("the replica did not become the master");
}
