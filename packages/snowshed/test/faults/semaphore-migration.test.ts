// Slots of a Cluster that are moved to and fro between its masters, under the semaphore and the quota of several processes,
// each with another client.
import { Cluster } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import { expect, onTestFinished, test } from "vitest";
import { excess } from "../support/rate-check.ts";
import { moveSlot, startRedisCluster, until } from "../support/redis.ts";
import { FencedResource } from "./fenced-resource.ts";
import type { Disturbance } from "./history.ts";
import { violationsOf } from "./history.ts";
import { codesOf, lease, leftOf, now, permits, Worker } from "./worker.ts";

const rounds = Math.max(2, Math.floor(Number(process.env["SOAK_ROUNDS"] ?? 0) / 2));
const libraries = ["ioredis", "ioredis5", "iovalkey", "redis", "redis5"];
const [requests, per, burst] = [200, 1_000_000, 10];
const quota = { name: "mail", limits: [{ requests, per: "1s", burst }] };

test("slots that move", { timeout: 120_000 + 10_000 * rounds }, async () => {
  const cluster = await startRedisCluster();
  onTestFinished(() => cluster.stop());
  const { servers, topology } = cluster;
  const client = new Cluster(servers.map(({ port }) => ({ host: "127.0.0.1", port })));
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  const resource = new FencedResource();
  const name = "moving";
  const workers = libraries.map(
    (library) => new Worker(library, { topology, library, name, quota, commandTimeout: 3000 }, resource),
  );
  onTestFinished(() => workers.forEach(({ child }) => void child.kill("SIGKILL")));
  await until(() => workers.every(({ isReady }) => isReady), "the workers to begin");

  const slotsOf = [`{snowshed:${name}}`, `{snowshed:${quota.name}}`];
  const slots = await Promise.all(slotsOf.map((key) => servers[0]!.cli("cluster", "keyslot", key)));
  // Where each is now: the masters have a third of the slots each.
  const places = slots.map((slot) => Math.floor(Number(slot) / (16_384 / 3)));
  const grantedOf = ({ requests: all }: Worker): number =>
    [...all.values()].filter(({ granted }) => granted !== undefined).length;
  const disturbances: Disturbance[] = [];
  for (let round = 0; round < rounds; round++) {
    const from = now();
    for (const [index, slot] of slots.entries()) {
      const next = (places[index]! + 1 + (round % 2)) % 3;
      const [old, other] = [servers[places[index]!]!, servers[next]!];
      await moveSlot(cluster, Number(slot), old, other, (round % 4) * 50);
      places[index] = next;
    }
    // Who was sent away comes again a little later: ioredis after 0.1 s.
    disturbances.push({ worker: undefined, from, to: now() + lease });
    const before = workers.map((worker) => [grantedOf(worker), worker.gone.length] as const);
    const goOn = (): boolean =>
      workers.every((worker, index) => {
        const [granted, gone] = before[index]!;
        return grantedOf(worker) > granted + 5 && worker.gone.length > gone + 5;
      });
    await until(goOn, "all go on at the new place");
  }
  for (const { child } of workers) child.send("end");
  await until(() => workers.every(({ isDone }) => isDone), "the workers to end");
  const watcher = new RedisSemaphore(client, name, { permits });
  onTestFinished(() => watcher.close().catch(() => {}));
  const left = await leftOf(() => watcher.inspect(), lease);
  const history = { permits, requests: workers.flatMap((worker) => [...worker.requests.values()]), disturbances };
  const granted = workers.map(grantedOf);
  const gone = workers.flatMap((worker) => worker.gone);
  const codes = workers.map((worker) => [worker.name, ...[...worker.codes].map(([code, count]) => `${code} ${count}`)]);
  const longest = Math.max(...history.requests.map(({ invoked, granted: at }) => (at ?? invoked) - invoked));
  process.stdout.write(
    `${2 * rounds} moves: ${history.requests.length} requests, ${granted.join(" + ")} granted, the longest wait ` +
      `${longest.toFixed(0)} ms; ${gone.length} of the quota; refused: ${codes.map((each) => each.join(" ")).join(", ")}\n`,
  );
  expect(violationsOf(history)).toEqual([]);
  expect(excess(gone, requests, per, burst)).toBeLessThanOrEqual(1e-9);
  expect(left).toEqual({ held: 0, queued: 0 });
  // Nobody is told of it: a wait may have become too long.
  expect([...codesOf(workers).keys()].filter((code) => code !== "SNOWSHED_DEADLINE_EXCEEDED")).toEqual([]);
});
