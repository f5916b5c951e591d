// RedisSemaphore with every client, on a single server, behind Sentinels, on a Cluster.
import { afterAll, beforeAll, vi } from "vitest";
import { redisSemaphoreConformance } from "../../conformance/redis-semaphore.conformance.ts";
import type { RedisCluster, RedisSentinels, RedisServer } from "../../support/redis.ts";
import { clients, startRedis, startRedisCluster, startSentinel } from "../../support/redis.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

let single: RedisServer;
let sentinels: RedisSentinels;
let cluster: RedisCluster;
beforeAll(async () => {
  [single, sentinels, cluster] = await Promise.all([startRedis(), startSentinel(), startRedisCluster()]);
}, 120_000);
afterAll(() => Promise.all([single, sentinels, cluster].map((servers) => servers?.stop())));

for (const [name, connect] of Object.entries(clients)) {
  redisSemaphoreConformance(`${name}, a single server`, {
    connect: () => connect(single.topology),
    everywhere: (...command) => single.cli(...command),
  });
  redisSemaphoreConformance(`${name}, Sentinel`, {
    connect: () => connect(sentinels.topology),
    everywhere: (...command) => sentinels.servers[0]!.cli(...command),
  });
  redisSemaphoreConformance(`${name}, Cluster`, {
    connect: () => connect(cluster.topology),
    everywhere: (...command) => Promise.all(cluster.servers.map((server) => server.cli(...command))),
  });
}
