// A slot of a Cluster goes to another master: every client.
import { createHash } from "node:crypto";
import { RedisQuota, RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { portOf } from "../../../src/adapters/redis/redis-port.ts";
import type { RedisCluster, RedisServer } from "../../support/redis.ts";
import { clients, moveSlot, startRedisCluster, until } from "../../support/redis.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
}, 120_000);
afterAll(() => cluster?.stop());

/** The slot of a key, who has it, and who shall have it. */
async function placeOf(key: string): Promise<readonly [slot: number, old: RedisServer, next: RedisServer]> {
  const { servers } = cluster;
  const slot = Number(await servers[0]!.cli("cluster", "keyslot", key));
  const place = Math.floor(slot / (16_384 / 3));
  return [slot, servers[place]!, servers[(place + 1) % 3]!];
}

async function connect(name: string) {
  const { client, close } = await clients[name]!(cluster.topology);
  onTestFinished(() => close());
  return client;
}

test.each(Object.keys(clients))(
  "%s: holders hold, who waits is told by a message",
  { timeout: 60_000 },
  async (name) => {
    const [a, b] = [await connect(name), await connect(name)].map(
      (client) => new RedisSemaphore(client, `moved-${name}`, { permits: 1, lease: "10m" }),
    );
    const held = await a!.permit();
    // Before its beat, which is minutes away: nothing but a message can serve it.
    const waiting = b!.permit(1, { timeout: "50s" });
    await until(async () => (await a!.inspect()).queued === 1, "it waits");
    const key = `{snowshed:moved-${name}}`;
    const [slot, old, next] = await placeOf(key);
    // Who holds for a second listens, too: it is not that one.
    const process = (await old.cli("zrange", `${key}:q`, "0", "0")).slice(0, 12);
    const channels = (server: RedisServer): Promise<string> =>
      server.cli("pubsub", "shardchannels", `${key}:n:${process}`);
    await until(async () => (await channels(old)) !== "", "it listens");
    const moved = moveSlot(cluster, slot, old, next, 100);
    // While its keys are here and there: it is neither refused nor let in.
    expect(await a!.tryPermit()).toBeUndefined();
    await moved;
    await until(async () => (await channels(next)) !== "", "it listens at the new place");
    await held.release();
    const permit = await waiting;
    expect([permit.fence.slot, permit.fence.token > held.fence.token]).toEqual([0, true]);
    expect(await next.cli("exists", key)).toBe("1");
    await permit.release();
    expect(await a!.inspect()).toMatchObject({ held: 0, queued: 0 });
  },
);

test.each(Object.keys(clients))("%s: a quota knows what was spent", { timeout: 60_000 }, async (name) => {
  const limits = [{ requests: 5, per: "24h", burst: 5 }] as const;
  const quota = new RedisQuota(await connect(name), `spent-${name}`, { limits });
  expect(await quota.tryPermit(3)).toBeDefined();
  const [slot, old, next] = await placeOf(`{snowshed:spent-${name}}`);
  const moved = moveSlot(cluster, slot, old, next, 100);
  const spent = await Promise.all([quota.tryPermit(), quota.tryPermit(), quota.tryPermit()]);
  expect(spent.filter((permit) => permit !== undefined)).toHaveLength(2);
  await moved;
  expect(await quota.tryPermit()).toBeUndefined();
});

test.each(["ioredis 6", "node-redis 6"])("%s: a connection for WAIT goes along", { timeout: 60_000 }, async (name) => {
  const key = `{wait-${name}}`;
  const dedicated = await portOf(await connect(name)).dedicated(key);
  onTestFinished(() => dedicated.close());
  const source = "return redis.call('INCR', KEYS[1])";
  const write = { name: "test", source, sha1: createHash("sha1").update(source).digest("hex") };
  expect(await dedicated.run(write, [key], [])).toBe(1);
  const [slot, old, next] = await placeOf(key);
  const moved = moveSlot(cluster, slot, old, next, 100);
  // It is refused there when the key has gone (ASK), and when the slot has (MOVED).
  const isGone = async (): Promise<boolean> => (await old.cli("exists", key).catch(String)) !== "1";
  await until(isGone, "the key has moved");
  expect(await dedicated.run(write, [key], [])).toBe(2);
  await moved;
  expect(await next.cli("get", key)).toBe("2");
  expect(await dedicated.wait(0, 10)).toBe(0);
});

test("keys that stay between two servers for too long: the caller's time ends first", { timeout: 60_000 }, async () => {
  const semaphore = new RedisSemaphore(await connect("node-redis 6"), "stuck", { permits: 1, commandTimeout: 1000 });
  const [slot, old, next] = await placeOf("{snowshed:stuck}");
  const [oldId, nextId] = [await old.cli("cluster", "myid"), await next.cli("cluster", "myid")];
  // Within the time of a command only when it is connected.
  await until(() => semaphore.run(() => true), "it is connected");
  const held = await semaphore.permit();
  await next.cli("cluster", "setslot", String(slot), "importing", oldId);
  await old.cli("cluster", "setslot", String(slot), "migrating", nextId);
  const said = old.cli("eval", "return 1", "2", "{snowshed:stuck}", "{snowshed:stuck}:q");
  await expect(said).rejects.toThrow("TRYAGAIN");
  await expect(semaphore.tryPermit()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  for (const server of [old, next]) await server.cli("cluster", "setslot", String(slot), "stable");
  await held.release();
  await until(async () => (await semaphore.inspect()).held === 0, "what was sent again holds nothing");
});
