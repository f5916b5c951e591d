// One program on the semaphore of a process, on RedisSemaphore and on EtcdSemaphore; the latter two as three processes have
// them, each with a client of its own.
import { Redis } from "ioredis";
import { Semaphore } from "snowshed";
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, onTestFinished, vi } from "vitest";
import type { EtcdCluster } from "../support/etcd.ts";
import { startEtcd } from "../support/etcd.ts";
import type { RedisServer } from "../support/redis.ts";
import { startRedis } from "../support/redis.ts";
import { semaphoreConformance } from "./semaphore.conformance.ts";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 120_000 });

let redis: RedisServer;
let etcd: EtcdCluster;
beforeAll(async () => {
  [redis, etcd] = await Promise.all([startRedis(), startEtcd()]);
}, 300_000);
afterAll(() => Promise.all([redis?.stop(), etcd?.remove()]));

let names = 0;
const processes = [0, 1, 2];

semaphoreConformance("Semaphore, one process", (permits) => {
  const semaphore = new Semaphore(permits);
  return Promise.resolve({
    views: [semaphore],
    tryPermit: (_view, weight = 1) =>
      Promise.resolve(semaphore.tryAcquire(weight) ? { release: () => semaphore.release(weight) } : undefined),
    waiting: () => semaphore.pending,
  });
});

semaphoreConformance("RedisSemaphore, three processes", (permits) => {
  const name = `conformance-${names++}`;
  const views = processes.map(() => {
    const client = new Redis(redis.port, "127.0.0.1");
    const semaphore = new RedisSemaphore(client, name, { permits });
    onTestFinished(async () => {
      await semaphore.close({ timeout: 0 }).catch(() => {});
      client.disconnect();
    });
    return semaphore;
  });
  return Promise.resolve({
    views,
    tryPermit: (view, weight) => views[view]!.tryPermit(weight),
    waiting: async () => (await views[0]!.inspect()).queued,
  });
});

semaphoreConformance("EtcdSemaphore, three processes", (permits) => {
  const name = `conformance-${names++}`;
  const views = processes.map(() => {
    const client = new EtcdClient({ endpoints: etcd.endpoints });
    const semaphore = new EtcdSemaphore(client, name, { permits });
    onTestFinished(async () => {
      await semaphore.close();
      await client.close();
    });
    return semaphore;
  });
  return Promise.resolve({
    views,
    tryPermit: (view, weight) => views[view]!.tryPermit(weight),
    waiting: async () => (await views[0]!.inspect()).queued,
  });
});
