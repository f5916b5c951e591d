// Several processes on one semaphore while Redis itself is replaced: by Sentinels, and in a Cluster. A failover that nobody
// waited for can forget a grant, so there may be too many live leases for a while; what the resource has is tokens that never
// fall, and afterwards nothing may be left.
import { Cluster, Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import { expect, onTestFinished, test } from "vitest";
import type { RedisServer, RedisTopology } from "../support/redis.ts";
import { failOverCluster, startRedisCluster, startSentinel, until } from "../support/redis.ts";
import { FencedResource } from "./fenced-resource.ts";
import { tokensThatFall } from "./history.ts";
import { codesOf, lease, permits, sleep, Worker } from "./worker.ts";

/** How many failovers of each kind. */
const rounds = Math.max(1, Math.floor(Number(process.env["SOAK_ROUNDS"] ?? 10) / 10));

interface Setting {
  readonly topology: RedisTopology;
  readonly client: Redis | Cluster;
  /** Has another server take the place of the master, by order; resolves when it has. */
  readonly order: () => Promise<void>;
  /** Kills the master; resolves when another one has taken its place, and the dead one follows it. */
  readonly kill: () => Promise<void>;
}

async function failovers({ topology, client, order, kill }: Setting): Promise<string> {
  const resource = new FencedResource();
  const name = "failover";
  const workers = Array.from({ length: 3 }, (_, index) => new Worker(`worker ${index}`, { topology, name }, resource));
  onTestFinished(() => workers.forEach(({ child }) => void child.kill("SIGKILL")));
  await until(() => workers.every(({ isReady }) => isReady), "the workers to begin");
  const granted = (): number =>
    workers.reduce(
      (sum, { requests }) => sum + [...requests.values()].filter((each) => each.granted !== undefined).length,
      0,
    );
  for (let round = 0; round < rounds; round++) {
    for (const replace of [order, kill]) {
      await replace();
      const before = granted();
      // It goes on: with all processes, on the new master.
      await until(() => granted() > before + 10, "permits after the failover");
    }
  }
  for (const { child } of workers) child.send("end");
  await until(() => workers.every(({ isDone }) => isDone), "the workers to end");
  await sleep(2 * lease);
  const watcher = new RedisSemaphore(client, name, { permits });
  onTestFinished(() => watcher.close().catch(() => {}));
  const { held, queued } = await watcher.inspect();
  expect({ held, queued }).toEqual({ held: 0, queued: 0 });
  const requests = workers.flatMap((worker) => [...worker.requests.values()]);
  expect(tokensThatFall({ permits, requests, disturbances: [] })).toEqual([]);
  const codes = [...codesOf(workers)].map(([code, count]) => `${code} ${count}`).join(", ");
  return `${2 * rounds} failovers: ${requests.length} requests, ${granted()} granted, refused: ${codes || "none"}; late writes refused by their fence: ${resource.refused}\n`;
}

async function roleOf(server: RedisServer): Promise<string> {
  return (await server.cli("role").catch(() => "")).split("\n")[0]!;
}

test("Sentinel", { timeout: 120_000 + 60_000 * rounds }, async () => {
  const { topology, servers, sentinels, stop } = await startSentinel({ downAfter: 1000 });
  onTestFinished(() => stop());
  const client = new Redis({ sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })), name: "main" });
  // What it says of servers that are killed on purpose.
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  const master = async (): Promise<RedisServer> => {
    const port = Number((await sentinels[0]!.cli("sentinel", "get-master-addr-by-name", "main")).split("\n")[1]);
    return servers.find((server) => server.port === port)!;
  };
  const replaced = async (old: RedisServer): Promise<void> => {
    await until(async () => (await master()) !== old, "another master");
    const next = await master();
    await until(async () => (await roleOf(next)) === "master", "the new master to know it");
  };
  const follows = async (old: RedisServer): Promise<void> => {
    const isUp = async (): Promise<boolean> =>
      (await old.cli("info", "replication").catch(() => "")).includes("master_link_status:up");
    await until(isUp, "the old master to follow");
    const isKnown = async (): Promise<boolean> => {
      const said = await Promise.all(sentinels.map(({ cli }) => cli("sentinel", "replicas", "main")));
      return said.every((text) => text.includes("master-link-status\nok") && !/s_down|o_down|disconnected/.test(text));
    };
    await until(isKnown, "the Sentinels to know it as a replica");
  };
  const said = await failovers({
    topology,
    client,
    async order() {
      const old = await master();
      // Refused while they still find their way out of the last one.
      await until(
        async () => (await sentinels[0]!.cli("sentinel", "failover", "main").catch(() => "")) === "OK",
        "a failover",
      );
      await replaced(old);
      await follows(old);
    },
    async kill() {
      const old = await master();
      await old.kill();
      await replaced(old);
      await old.start();
      await follows(old);
    },
  });
  process.stdout.write(`Sentinel: ${said}`);
});

test("Cluster", { timeout: 120_000 + 60_000 * rounds }, async () => {
  const { topology, servers, stop } = await startRedisCluster({ replicas: true });
  onTestFinished(() => stop());
  const client = new Cluster(servers.map(({ port }) => ({ host: "127.0.0.1", port })));
  // What it says of servers that are killed on purpose.
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  // Which pair of servers has the key.
  const slot = Number(await servers[0]!.cli("cluster", "keyslot", "{snowshed:failover}"));
  const pair = Math.floor(slot / Math.ceil(16_384 / 3));
  const both = [servers[pair]!, servers[pair + 3]!] as const;
  const roles = (): Promise<string[]> => Promise.all(both.map(roleOf));
  const master = async (): Promise<RedisServer> => both[(await roles()).indexOf("master")]!;
  const replaced = async (old: RedisServer): Promise<void> => {
    const next = both.find((server) => server !== old)!;
    await until(async () => (await roleOf(next)) === "master", "another master");
  };
  const follows = async (old: RedisServer): Promise<void> => {
    const isUp = async (): Promise<boolean> =>
      (await old.cli("info", "replication").catch(() => "")).includes("master_link_status:up");
    await until(isUp, "the old master to follow");
  };
  const said = await failovers({
    topology,
    client,
    async order() {
      const old = await master();
      await failOverCluster(
        old,
        both.find((server) => server !== old)!,
      );
    },
    async kill() {
      const old = await master();
      await old.kill();
      await replaced(old);
      await old.start();
      await follows(old);
    },
  });
  process.stdout.write(`Cluster: ${said}`);
});
