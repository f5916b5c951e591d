// What goes on when another server becomes the master: every client, behind Sentinels and on a Cluster.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Script } from "../../../src/adapters/redis/port.ts";
import { portOf } from "../../../src/adapters/redis/redis-port.ts";
import { RedisQuota } from "../../../src/adapters/redis/redis-quota.ts";
import type { RedisCluster, RedisSentinels, RedisServer, RedisTopology } from "../../support/redis.ts";
import { clients, failOverCluster, isMaster, startRedisCluster, startSentinel, until } from "../../support/redis.ts";

const scriptOf = (source: string): Script => ({
  name: "test",
  source,
  sha1: createHash("sha1").update(source).digest("hex"),
});
const write = scriptOf("return redis.call('INCR', KEYS[1])");

let sentinels: RedisSentinels;
let cluster: RedisCluster;
beforeAll(async () => {
  [sentinels, cluster] = await Promise.all([startSentinel({ downAfter: 1000 }), startRedisCluster({ replicas: true })]);
}, 120_000);
afterAll(() => Promise.all([sentinels, cluster].map((servers) => servers?.stop())));

async function pair(servers: readonly RedisServer[]): Promise<readonly [RedisServer, RedisServer]> {
  const [one, other] = servers as [RedisServer, RedisServer];
  return (await isMaster(one)) ? [one, other] : [other, one];
}

/** Makes the replica the master; resolves when the old one is its replica. Returns the new one. */
async function failOver(kind: string): Promise<RedisServer> {
  if (kind === "Sentinel") {
    const [old, next] = await pair(sentinels.servers);
    const asks = async (): Promise<boolean> =>
      (await sentinels.sentinels[0]!.cli("sentinel", "failover", "main")) === "OK";
    await until(asks, "Sentinel has a replica that is good for it");
    const isOver = async (): Promise<boolean> =>
      (await isMaster(next)) && (await old.cli("info", "replication")).includes("master_link_status:up");
    await until(isOver, "the replica is the master");
    return next;
  }
  const key = keyOf(kind);
  const slot = Number(await cluster.servers[0]!.cli("cluster", "keyslot", key));
  const place = Math.floor(slot / (16_384 / 3));
  const [old, next] = await pair([cluster.servers[place]!, cluster.servers[place + 3]!]);
  await failOverCluster(old, next);
  return next;
}

const keyOf = (kind: string): string => `{snowshed:after-${kind}}:quota`;
const topologies: Readonly<Record<string, () => RedisTopology>> = {
  Sentinel: () => sentinels.topology,
  Cluster: () => cluster.topology,
};

/** Sentinel takes a quarter of a minute for each: of those that share their code, one. */
const subjects = [
  ...["ioredis 6", "node-redis 6"].map((name) => ["Sentinel", name] as const),
  ...Object.keys(clients).map((name) => ["Cluster", name] as const),
];

describe("another server is the master", () => {
  test.each(subjects)("%s, %s: all goes on", { timeout: 180_000 }, async (kind, name) => {
    const { client, close } = await clients[name]!(topologies[kind]!());
    onTestFinished(() => close());
    const port = portOf(client);
    const key = keyOf(kind);
    const limits = [{ requests: 1000, per: "1h", burst: 1000 }] as const;
    const quota = new RedisQuota(client, `after-${kind}`, { limits, commandTimeout: "2s" });
    await quota.permit();
    const channel = `${key}:n`;
    const heard: string[] = [];
    const end = await port.subscribe(channel, (message) => heard.push(message));
    const dedicated = await port.dedicated(key);
    onTestFinished(() => dedicated.close());
    await dedicated.run(write, [`${key}:count`], []);

    const codes = new Set<string>();
    let isDone = false;
    const calling = (async () => {
      while (!isDone) {
        await quota.tryPermit().catch((error: unknown) => codes.add((error as { readonly code: string }).code));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const next = await failOver(kind);
    isDone = true;
    await calling;
    await next.cli("del", key);
    const works = async (): Promise<boolean> => {
      await quota.permit().catch((error: unknown) => codes.add((error as { readonly code: string }).code));
      return (await next.cli("exists", key)) === "1";
    };
    await until(works, "the quota is kept at the new master");
    // What a Cluster says while it changes hands is handled by its clients.
    expect([...codes].filter((code) => code !== "SNOWSHED_BACKEND_UNAVAILABLE")).toEqual([]);

    const say = port.isSharded ? "spublish" : "publish";
    const hears = async (): Promise<boolean> => {
      await next.cli(say, channel, "hello");
      return heard.includes("hello");
    };
    await until(hears, "messages of the new master come");
    await end();
    await next.cli("del", `${key}:count`);
    const writes = async (): Promise<boolean> => {
      await dedicated.run(write, [`${key}:count`], []).catch(() => {});
      return (await next.cli("exists", `${key}:count`)) === "1";
    };
    await until(writes, "the connection for WAIT is to the new master");
    expect(await dedicated.wait(1, 1000)).toBe(1);
  });
});
