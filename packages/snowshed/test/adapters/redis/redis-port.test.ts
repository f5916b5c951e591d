// The port: every client, on a single server, behind Sentinels, on a Cluster.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { hashSlot } from "../../../src/adapters/redis/hash-slot.ts";
import type { Script } from "../../../src/adapters/redis/port.ts";
import { portOf } from "../../../src/adapters/redis/redis-port.ts";
import type { RedisCluster, RedisSentinels, RedisServer, RedisTopology } from "../../support/redis.ts";
import { clients, startRedis, startRedisCluster, startSentinel, until } from "../../support/redis.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 120_000 });

const scriptOf = (source: string): Script => ({
  name: "test",
  source,
  sha1: createHash("sha1").update(source).digest("hex"),
});

const replies = scriptOf("return { 1, 2 ^ 52, 'text', false, { ARGV[1], ARGV[2], KEYS[1] } }");
const write = scriptOf("return redis.call('INCR', KEYS[1])");
const publish = scriptOf("return redis.call('PUBLISH', ARGV[1], ARGV[2])");
const publishSharded = scriptOf("return redis.call('SPUBLISH', ARGV[1], ARGV[2])");

let single: RedisServer;
let sentinels: RedisSentinels;
let cluster: RedisCluster;
beforeAll(async () => {
  [single, sentinels, cluster] = await Promise.all([startRedis(), startSentinel(), startRedisCluster()]);
}, 120_000);
afterAll(() => Promise.all([single, sentinels, cluster].map((servers) => servers?.stop())));

const topologies: Readonly<Record<string, () => RedisTopology>> = {
  single: () => single.topology,
  Sentinel: () => sentinels.topology,
  Cluster: () => cluster.topology,
};

/** Ends pub/sub connections as a broken network does: the server says nothing of it beforehand. */
async function killSubscribers(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.cli("client", "kill", "type", "pubsub")));
}

describe.each(Object.keys(clients))("%s", (name) => {
  describe.each(Object.keys(topologies))("%s", (kind) => {
    const connect = async (options?: object) => {
      const connected = await clients[name]!(topologies[kind]!(), options);
      onTestFinished(() => connected.close());
      return connected.client;
    };
    const serversOf = (): readonly RedisServer[] =>
      ({ single: [single], Sentinel: sentinels.servers, Cluster: cluster.servers })[kind]!;

    test("answers are numbers, text, null and arrays of them", async () => {
      const port = portOf(await connect());
      const key = `{replies:${name}}`;
      const expected = [1, 2 ** 52, "text", null, ["one", "2", key]];
      expect(await port.run(replies, [key], ["one", 2])).toEqual(expected);
      expect(await port.run(replies, [key], ["one", 2])).toEqual(expected);
    });

    test("a script that the server has lost is sent again, on each master", async () => {
      const port = portOf(await connect());
      const keys = ["a", "b", "c", "d", "e", "f"].map((tag) => `{${tag}}:${name}:${kind}:count`);
      for (const key of keys) expect(await port.run(write, [key], [])).toBe(1);
      await Promise.all(serversOf().map((server) => server.cli("script", "flush")));
      for (const key of keys) expect(await port.run(write, [key], [])).toBe(2);
    });

    test("an error of the script is the client's own", async () => {
      const port = portOf(await connect());
      const broken = scriptOf("return redis.call('LPUSH', KEYS[1], 'x')");
      await port.run(write, [`{wrong:${name}}`], []);
      await expect(port.run(broken, [`{wrong:${name}}`], [])).rejects.toThrow(/^WRONGTYPE/);
    });

    test("messages come, also after the connection ended", async () => {
      const port = portOf(await connect());
      expect(port.isSharded).toBe(kind === "Cluster");
      const say = async (channel: string, message: string): Promise<void> => {
        await port.run(port.isSharded ? publishSharded : publish, [`${channel}:k`], [channel, message]);
      };
      const channels = ["a", "b", "c"].map((tag) => `{${tag}}:${name}:${kind}:n`);
      const heard: string[] = [];
      const rejoined: string[] = [];
      const ends = await Promise.all(
        channels.map((channel) =>
          port.subscribe(
            channel,
            (message) => heard.push(`${channel} ${message}`),
            () => rejoined.push(channel),
          ),
        ),
      );
      const again = await port.subscribe(channels[0]!, () => heard.push("again"));
      for (const channel of channels) await say(channel, "one");
      await until(() => heard.length === 4, "four messages");
      expect(heard.toSorted()).toEqual(["again", ...channels.map((channel) => `${channel} one`)].toSorted());

      await again();
      expect(rejoined).toEqual([]);
      await killSubscribers(serversOf());
      for (const channel of channels) {
        const hears = async (): Promise<boolean> => {
          await say(channel, "two");
          return heard.includes(`${channel} two`);
        };
        await until(hears, "it has subscribed again");
      }
      expect(heard.filter((line) => line === "again")).toHaveLength(1);
      expect(rejoined.toSorted()).toEqual(channels.toSorted());

      const listeners = async (channel: string): Promise<number> => {
        const command = port.isSharded ? "shardnumsub" : "numsub";
        const said = await Promise.all(serversOf().map((server) => server.cli("pubsub", command, channel)));
        return said.reduce((sum, text) => sum + Number(text.split("\n").at(-1)), 0);
      };
      expect(await listeners(channels[0]!)).toBe(1);
      await Promise.all(ends.map((end) => end()));
      await ends[0]!();
      for (const channel of channels) await until(async () => (await listeners(channel)) === 0, "nobody listens");
    });

    test("WAIT says how many replicas have what was written on the same connection", async () => {
      const port = portOf(await connect());
      const key = `{wait:${name}}`;
      const dedicated = await port.dedicated(key);
      onTestFinished(() => dedicated.close());
      await expect(dedicated.wait(0, 10)).rejects.toThrow("the connection that wrote has ended");
      expect(await dedicated.run(write, [key], [])).toBe(1);
      // It answers as soon as the replica has it, if there is one.
      expect(await dedicated.wait(1, kind === "Sentinel" ? 20_000 : 100)).toBe(kind === "Sentinel" ? 1 : 0);
      // Its connection ends between writing and asking: what another connection would say is about nothing.
      for (const server of serversOf()) await server.cli("client", "kill", "type", "normal", "skipme", "yes");
      await until(
        async () =>
          dedicated.wait(0, 10).then(
            () => false,
            () => true,
          ),
        "the connection has ended",
      );
      expect(await dedicated.run(write, [key], [])).toBe(2);
      expect(await dedicated.wait(0, 10)).toBeGreaterThanOrEqual(0);
      await dedicated.close();
      await expect(dedicated.run(write, [key], [])).rejects.toThrow("closed");
    });
  });
});

// Version 5 of node-redis has none.
const prefixing = Object.keys(clients).filter((name) => name !== "node-redis 5");
describe.each(prefixing)("%s", (name) => {
  test.each(Object.keys(topologies))("%s: keys get the prefix of the client, channels do not", async (kind) => {
    const connect = async (options?: object) => {
      const connected = await clients[name]!(topologies[kind]!(), options);
      onTestFinished(() => connected.close());
      return connected.client;
    };
    const port = portOf(await connect({ keyPrefix: "app:" }));
    const channel = `{prefix:${name}}:n`;
    const heard: string[] = [];
    const end = await port.subscribe(channel, (message) => heard.push(message));
    await port.run(write, [`{prefix:${name}}`], []);
    const dedicated = await port.dedicated(`{prefix:${name}}`);
    await dedicated.run(write, [`{prefix:${name}}`], []);
    await dedicated.close();
    const plain = portOf(await connect());
    const get = scriptOf("return redis.call('GET', KEYS[1])");
    expect(await plain.run(get, [`app:{prefix:${name}}`], [])).toBe("2");
    await plain.run(port.isSharded ? publishSharded : publish, [`{prefix:${name}}`], [channel, "x"]);
    await until(() => heard.length === 1, "a message");
    await end();
  });
});

test("a subscription that cannot be made rejects, and nothing is left of it", async () => {
  const away = await startRedis();
  const { client, close } = await clients["ioredis 6"]!(away.topology);
  onTestFinished(() => close());
  onTestFinished(() => away.stop());
  const port = portOf(client);
  await port.run(write, ["k"], []);
  await away.kill();
  await expect(port.subscribe("n", () => {})).rejects.toThrow();
  await away.start();
  expect(await away.cli("pubsub", "numsub", "n")).toBe("n\n0");
  const heard: string[] = [];
  const end = await port.subscribe("n", (message) => heard.push(message));
  await away.cli("publish", "n", "x");
  await until(() => heard.length === 1, "a message");
  await end();
});

test("the slot of a key is what the server says", async () => {
  for (const key of ["", "a", "{a}b", "x{a}b", "{}a", "{", "a{b", "{a}{b}", "é€", "{snowshed:jobs}:q", "}a{b}"]) {
    expect([key, hashSlot(key)]).toEqual([key, Number(await cluster.servers[0]!.cli("cluster", "keyslot", key))]);
  }
});

test("the port of a client is always the same, and what is no client is refused", async () => {
  const { client, close } = await clients["ioredis 6"]!(single.topology);
  onTestFinished(() => close());
  expect(portOf(client)).toBe(portOf(client));
  for (const wrong of [undefined, null, {}, 1, "redis://"]) {
    expect(() => portOf(wrong as never)).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  }
  expect(() => portOf(client, {} as never)).toThrow(/subscriber/);
});
