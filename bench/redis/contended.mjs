// `node contended.mjs snowshed|redis-semaphore <ms held> <seconds>`: 50 clients, each with a connection of its own, over 10
// permits of one semaphore on a Redis of its own. Prints JSON.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { oursOf } from "../ours.mjs";
import { connect, startRedis } from "./server.mjs";

const [, , what, held, seconds] = process.argv;
const clients = 50;
const permits = 10;
/** Who came so much earlier, in ms, and was served later, was passed over; less is the time on the way. */
const margin = 5;

const port = await startRedis();
const connections = await Promise.all(Array.from({ length: clients }, () => connect(port)));

async function acquirers() {
  if (what === "snowshed") {
    const { RedisSemaphore } = await oursOf("adapters/redis", "RedisSemaphore");
    return connections.map((client) => {
      const semaphore = new RedisSemaphore(client, "bench", { permits });
      return async () => {
        const permit = await semaphore.permit();
        return () => permit.release();
      };
    });
  }
  const { Semaphore } = await import("redis-semaphore");
  return connections.map((client) => {
    const semaphore = new Semaphore(client, "bench", permits, { acquireTimeout: 60_000 });
    return async () => {
      await semaphore.acquire();
      return () => semaphore.release();
    };
  });
}

const all = await acquirers();
const start = performance.now();
const warm = start + 1000;
const end = warm + 1000 * Number(seconds);
/** When each came and was served. */
const grants = [];

await Promise.all(
  all.map(async (acquire) => {
    while (performance.now() < end) {
      const came = performance.now();
      const release = await acquire();
      const served = performance.now();
      if (came >= warm && served < end) grants.push({ came, served });
      if (Number(held) > 0) await sleep(Number(held));
      await release();
    }
  }),
);

grants.sort((a, b) => a.served - b.served);
let inversions = 0;
let latest = Number.NEGATIVE_INFINITY;
// In the order in which they were served: one is passed over if somebody who came later was served before it.
for (const { came } of grants) {
  if (came < latest - margin) inversions++;
  latest = Math.max(latest, came);
}
const waits = grants.map(({ came, served }) => served - came);
const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
const max = Math.max(...waits);
const rate = grants.length / Number(seconds);
console.log(JSON.stringify({ perGrant: 1e9 / rate, rate, mean, max, maxOverMean: max / mean, inversions }));
// oxlint-disable-next-line unicorn/no-process-exit -- connections are left as they are
process.exit(0);
