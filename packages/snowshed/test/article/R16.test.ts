// Chapter 5: the boundary of consistency is declared: SET … NX EX, then WAIT 3 5000, and its answer is looked at, which the
// article does not say.
import { Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RedisServer } from "../support/redis.ts";
import { startRedis, until } from "../support/redis.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let servers: RedisServer[];
let client: Redis;

beforeAll(async () => {
  const master = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  const replicaOf = ["--replicaof", "127.0.0.1", String(master.port)];
  servers = [master, ...(await Promise.all([1, 2, 3].map(() => startRedis({ args: replicaOf }))))];
  client = new Redis(master.port);
  await until(async () => /connected_slaves:3\r?\n/.test(await client.info("replication")), "three replicas");
  await until(async () => (await client.wait(3, 1000)) === 3, "three that keep up");
}, 120_000);
afterAll(async () => {
  client.disconnect();
  await Promise.all(servers.map((server) => server.stop()));
});

const declared = { permits: 1, lease: "300s", replicas: { count: 3, timeout: "5s" } } as const;

describe("R16: WAIT 3 5000, checked", () => {
  test("with three replicas the article's two commands and the semaphore's permit are the same promise", async () => {
    expect(await client.set("order_status", "processing", "EX", 300, "NX")).toBe("OK");
    expect(await client.wait(3, 5000)).toBe(3);
    const semaphore = new RedisSemaphore(client, "order", declared);
    const permit = await semaphore.permit();
    for (const { cli } of servers.slice(1)) expect(await cli("exists", "{snowshed:order}")).toContain("1");
    await permit.release();
    await semaphore.close();
  });

  test("with fewer, WAIT only says so: who does not look holds what a failover forgets; here it is an error", async () => {
    await servers[3]!.kill();
    await until(async () => /connected_slaves:2\r?\n/.test(await client.info("replication")), "two replicas");
    // The article's order: nothing fails.
    expect(await client.set("order_status_2", "processing", "EX", 300, "NX")).toBe("OK");
    await until(async () => (await client.wait(2, 1000)) === 2, "the two have it");
    expect(await client.wait(3, 1000)).toBe(2);
    expect(await client.get("order_status_2")).toBe("processing");

    const semaphore = new RedisSemaphore(client, "order", { ...declared, replicas: { count: 3, timeout: 200 } });
    await expect(semaphore.permit()).rejects.toMatchObject({ code: "SNOWSHED_REPLICATION_FAILED" });
    await until(async () => (await semaphore.inspect()).held === 0, "it was given back");
    await semaphore.close();
  });
});
