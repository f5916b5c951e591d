// A process that takes permits of a semaphore on Redis, holds them, gives them back, and tells its parent what it did.
// node semaphore-worker.mjs '{"port":…,"name":…,"permits":…,"lease":…,"loops":…,"skew":…}', with an IPC channel
import process from "node:process";
import { Cluster, Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";

/**
 * @typedef {object} Order
 * @property {import("../support/redis-clients.ts").RedisTopology} topology
 * @property {string} name
 * @property {number} permits
 * @property {number} lease milliseconds
 * @property {number} loops
 * @property {number} skew milliseconds
 */

const order = /** @type {Order} */ (JSON.parse(process.argv[2] ?? ""));
const { topology, name, permits, lease, loops, skew } = order;
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

function connect() {
  const host = "127.0.0.1";
  const retryStrategy = () => 50;
  if (topology.kind === "single") return new Redis({ port: topology.port, host, retryStrategy });
  const nodes = topology.ports.map((port) => ({ host, port }));
  if (topology.kind === "cluster") return new Cluster(nodes, { clusterRetryStrategy: retryStrategy });
  return new Redis({ sentinels: nodes, name: topology.name, retryStrategy, sentinelRetryStrategy: retryStrategy });
}

const client = connect();
client.on("error", () => {});
const semaphore = new RedisSemaphore(client, name, { permits, lease, commandTimeout: 1000 });
let isOver = false;
let requests = 0;
// A process that gets no processor is stopped, as far as the world is concerned.
let lastRun = now();
setInterval(() => (lastRun = now()), 5).unref();
const running = () => Math.min(now(), lastRun + 15);

async function once() {
  const id = `${process.pid}-${requests++}`;
  const weight = Math.random() < 0.2 ? 2 : 1;
  tell({ kind: "invoked", id, weight, at: now() });
  let permit;
  try {
    permit = await semaphore.permit(weight, { timeout: 4000 });
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
tell({ kind: "ready" });
await Promise.all(
  Array.from({ length: loops }, async () => {
    while (!isOver) await once();
  }),
);
await semaphore.close({ timeout: 0 }).catch(() => {});
tell({ kind: "done" });
client.disconnect();
process.disconnect();
