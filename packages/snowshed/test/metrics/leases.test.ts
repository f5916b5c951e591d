// What this process knows of semaphores that processes share: on a real Redis, and a real etcd.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { EtcdClient } from "snowshed/etcd";
import { EtcdSemaphore } from "snowshed/etcd";
import { Metrics } from "snowshed/prometheus";
import { RedisQuota } from "snowshed/redis";
import { newName, useEtcd } from "../adapters/etcd/clients.ts";
import { Processes } from "../adapters/redis/semaphore-fixture.ts";
import { valuesOf } from "../support/metric-values.ts";
import type { RedisServer } from "../support/redis.ts";
import { startRedis, until } from "../support/redis.ts";

const etcd = useEtcd();
let server: RedisServer;
const processes = new Processes(() => server.port);
beforeAll(async () => {
  server = await startRedis();
}, 120_000);
afterAll(() => server.stop());
beforeEach(() => processes.begin());
afterEach(() => processes.end());

const onRedis = (): readonly [Semaphores, Semaphores] => [
  processes.semaphore({ permits: 2 }),
  processes.semaphore({ permits: 2 }),
];
const onEtcd = (): readonly [Semaphores, Semaphores] => {
  const name = newName();
  const make = (client: EtcdClient): EtcdSemaphore => new EtcdSemaphore(client, name, { permits: 2, lease: "5s" });
  return [make(etcd.connect()), make(etcd.connect())];
};
type Semaphores = EtcdSemaphore | ReturnType<Processes["semaphore"]>;

test.each([
  ["Redis", onRedis],
  ["etcd", onEtcd],
])("a semaphore on %s shows what this process holds, who waits in it, and what it lost", async (_, make) => {
  const [mine, others] = make();
  const metrics = new Metrics();
  metrics.add(mine, { name: "exports" });
  const shown = (): number[] => {
    const values = valuesOf(metrics);
    const keys = ["capacity", "held", "pending"].map((each) => `resource.${each} semaphore exports`);
    return [...keys, "leases.lost exports"].map((key) => values[key]!);
  };
  expect(shown()).toEqual([2, 0, 0, 0]);
  const [first, second] = [await mine.permit(), await others.permit()];
  expect(shown()).toEqual([2, 1, 0, 0]);
  const waiting = mine.permit();
  await until(async () => (await others.inspect()).queued === 1, "one waits");
  expect(shown()).toEqual([2, 1, 1, 0]);
  await second.release();
  const third = await waiting;
  expect(shown()).toEqual([2, 2, 0, 0]);
  const { holders } = await others.inspect();
  await others.releaseHolder(holders[0]!.id);
  await until(() => shown()[3] === 1, "one is lost");
  expect(shown()).toEqual([2, 1, 0, 1]);
  await Promise.all([first.release(), third.release()].map((each) => each.catch(() => {})));
  await until(() => shown()[1] === 0, "nothing is held");
  expect(shown()).toEqual([2, 0, 0, 1]);
  await mine.close();
  await others.close();
});

test("a quota on Redis shows who waits in this process", async () => {
  const quota = new RedisQuota(processes.client(), "mails", { limits: [{ requests: 1, per: "1m" }] });
  const metrics = new Metrics();
  metrics.add(quota);
  await quota.permit();
  const leaving = new AbortController();
  const waiting = quota.permit(1, { signal: leaving.signal }).catch(() => {});
  expect(valuesOf(metrics)["resource.pending quota mails"]).toBe(1);
  leaving.abort();
  await waiting;
  expect(valuesOf(metrics)["resource.pending quota mails"]).toBe(0);
  await quota.close();
});
