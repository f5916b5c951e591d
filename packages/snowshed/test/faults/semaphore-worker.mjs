// A process that takes permits of a semaphore on Redis or etcd, holds them, gives them back, and tells its parent what it
// did.
// node semaphore-worker.mjs '{"topology":…,"name":…,"permits":…,"lease":…,"loops":…,"skew":…}', with an IPC channel
import process from "node:process";
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import { RedisQuota, RedisSemaphore } from "snowshed/redis";

/**
 * @typedef {object} Order
 * @property {import("../support/redis-clients.ts").RedisTopology | { kind: "etcd", endpoints: string[] }} topology
 * @property {"ioredis" | "ioredis5" | "iovalkey" | "redis" | "redis5"} [library] that makes the client; ioredis if nothing is said
 * @property {string} name
 * @property {number} permits
 * @property {number} lease milliseconds
 * @property {number} loops
 * @property {number} skew milliseconds
 * @property {number} [commandTimeout] milliseconds
 * @property {{ name: string, limits: import("snowshed/redis").RedisQuotaOptions["limits"] }} [quota] is used, too
 */

const order = /** @type {Order} */ (JSON.parse(process.argv[2] ?? ""));
const { topology, library = "ioredis", name, permits, lease, loops, skew, commandTimeout = 1000, quota } = order;
const realNow = Date.now;
// A machine whose clock is wrong.
Date.now = () => realNow() + skew;

const now = () => Number(process.hrtime.bigint()) / 1e6;
/** @param {object} message */
const tell = (message) => void (process.connected && process.send?.(message));
/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const host = "127.0.0.1";
const retryStrategy = () => 50;

/** @param {import("../support/redis-clients.ts").RedisTopology} where */
async function ofIoRedis(where) {
  const { Cluster, Redis } = /** @type {typeof import("ioredis")} */ (await import(library));
  if (where.kind === "single") return new Redis({ port: where.port, host, retryStrategy });
  const nodes = where.ports.map((port) => ({ host, port }));
  if (where.kind === "cluster") return new Cluster(nodes, { clusterRetryStrategy: retryStrategy });
  return new Redis({ sentinels: nodes, name: where.name, retryStrategy, sentinelRetryStrategy: retryStrategy });
}

/** @param {import("../support/redis-clients.ts").RedisTopology} where */
async function ofNodeRedis(where) {
  const { createCluster } = /** @type {typeof import("redis")} */ (await import(library));
  if (where.kind !== "cluster") throw new Error(`not made for ${where.kind}`);
  const made = createCluster({ rootNodes: where.ports.map((port) => ({ socket: { host, port } })) });
  made.on("error", () => {});
  await made.connect();
  return Object.assign(made, { disconnect: () => made.destroy() });
}

async function connect() {
  if (topology.kind === "etcd") {
    const etcd = new EtcdClient({ endpoints: topology.endpoints, timeout: commandTimeout });
    return { semaphore: new EtcdSemaphore(etcd, name, { permits, lease }), close: () => etcd.close() };
  }
  const client = await (library.startsWith("redis") ? ofNodeRedis(topology) : ofIoRedis(topology));
  client.on("error", () => {});
  const semaphore = new RedisSemaphore(client, name, { permits, lease, commandTimeout });
  if (quota !== undefined) {
    const limited = new RedisQuota(client, quota.name, { limits: quota.limits, commandTimeout });
    void spend(limited).finally(() => limited.close());
  }
  return { semaphore, close: () => client.disconnect() };
}

let isOver = false;
let requests = 0;
// A process that gets no processor is stopped, as far as the world is concerned.
let lastRun = now();
setInterval(() => (lastRun = now()), 5).unref();
const running = () => Math.min(now(), lastRun + 15);

/** @param {RedisQuota} limited */
async function spend(limited) {
  while (!isOver) {
    try {
      const permit = await limited.permit(Math.random() < 0.2 ? 2 : 1);
      // By the clock of the server, which is not part of its type.
      const { at, weight } = /** @type {typeof permit & { at: number }} */ (permit);
      tell({ kind: "went", at, weight });
    } catch (error) {
      const { code } = /** @type {{ code: string }} */ (error);
      tell({ kind: "refused", id: "", code, at: now() });
      await sleep(50);
    }
  }
}

async function once() {
  const id = `${process.pid}-${requests++}`;
  const weight = Math.random() < 0.2 ? 2 : 1;
  tell({ kind: "invoked", id, weight, at: now() });
  let permit;
  try {
    const asked = semaphore.permit(weight, { timeout: 4000 });
    setImmediate(() => tell({ kind: "sent", id, at: now() }));
    permit = await asked;
  } catch (error) {
    const { code } = /** @type {{ code: string }} */ (error);
    tell({ kind: "refused", id, code, at: now() });
    if (code === "SNOWSHED_BACKEND_UNAVAILABLE") await sleep(50);
    return;
  }
  const { context } = permit;
  const fences = permit.fences.map(({ slot, token }) => ({ slot, token: token.toString() }));
  // The moment after the look: a permit that is over already holds nothing.
  const isHeld = !context.aborted;
  const granted = now();
  if (!isHeld) tell({ kind: "refused", id, code: "over", at: granted });
  else tell({ kind: "granted", id, fences, at: granted });
  let ended = isHeld ? undefined : granted;
  const stop = context.onAbort(() => {
    ended ??= running();
    tell({ kind: "ended", id, at: ended });
  });
  // Some work takes longer than a lease, and some does not look at its context: the resource must refuse that.
  await sleep(Math.random() < 0.05 ? 1.5 * lease : 40 * Math.random());
  tell({ kind: "write", fences, at: now() });
  stop();
  if (!context.aborted && ended === undefined) tell({ kind: "ended", id, at: now() });
  else if (ended === undefined) tell({ kind: "ended", id, at: granted });
  await permit.release().catch(() => {});
}

process.on("message", () => {
  isOver = true;
});
process.on("disconnect", () => process.exit(1));
const { semaphore, close } = await connect();
// Or who comes first would be who connects faster, or has its lease.
await semaphore
  .tryPermit()
  .then((permit) => permit?.release())
  .catch(() => {});
tell({ kind: "ready" });
await Promise.all(
  Array.from({ length: loops }, async () => {
    while (!isOver) await once();
  }),
);
await semaphore.close({ timeout: 0 }).catch(() => {});
tell({ kind: "done" });
await close();
process.disconnect();
