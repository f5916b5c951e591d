// `node contended.mjs snowshed|redis-semaphore <ms held> <seconds> [order]`: 50 clients, each with a connection of its own,
// over 10 permits of one semaphore on a Redis of its own. Prints JSON: rates and waits; with `order`, who was passed over.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { oursOf } from "../ours.mjs";
import { numbered } from "./numbered.mjs";
import { connect, startRedis } from "./server.mjs";

const [, , what, held, seconds, order] = process.argv;
const clients = 50;
const permits = 10;

const port = await startRedis();
const connections = await Promise.all(
  Array.from({ length: clients }, async () => {
    const client = await connect(port);
    return order === undefined ? { client, numbers: null } : numbered(client);
  }),
);

/** How each of them takes a permit: what gives it back, and what tells the order of the grants. */
async function acquirers() {
  if (what === "snowshed") {
    const { RedisSemaphore } = await oursOf("adapters/redis", "RedisSemaphore");
    return connections.map(({ client }) => {
      const semaphore = new RedisSemaphore(client, "bench", { permits });
      return async () => {
        const permit = await semaphore.permit();
        return { release: () => permit.release(), turn: permit.fence.token };
      };
    });
  }
  const { Semaphore } = await import("redis-semaphore");
  return connections.map(({ client, numbers }) => {
    const semaphore = new Semaphore(client, "bench", permits, { acquireTimeout: 60_000 });
    return async () => {
      await semaphore.acquire();
      // The attempt that worked was the latest.
      return { release: () => semaphore.release(), turn: numbers?.latest };
    };
  });
}

const all = await acquirers();
const start = performance.now();
// Until all of it is compiled and the heap has its size: the longest wait is that of one moment.
const warm = start + 3000;
const end = warm + 1000 * Number(seconds);
/** How long each waited. Beside the heap: to collect what this program remembers would be one of the longest waits. */
const waits = new Float64Array(1_000_000);
let served = 0;
/** With `order`: the number of the first command of each on the server, and what tells the order of the grants. */
const grants = [];

await Promise.all(
  all.map(async (acquire, index) => {
    const { numbers } = connections[index];
    while (performance.now() < end) {
      numbers?.begin();
      const came = performance.now();
      const { release, turn } = await acquire();
      const now = performance.now();
      if (came >= warm && now < end) {
        waits[served++] = now - came;
        if (numbers !== null) grants.push({ index, turn, arrival: numbers.first });
      }
      if (Number(held) > 0) await sleep(Number(held));
      await release();
    }
  }),
);

if (order === undefined) {
  const sorted = waits.subarray(0, served).toSorted();
  const mean = sorted.reduce((sum, wait) => sum + wait, 0) / served;
  const max = sorted.at(-1);
  const rate = served / Number(seconds);
  console.log(JSON.stringify({ perGrant: 1e9 / rate, rate, mean, max, maxOverMean: max / mean }));
} else {
  // In the order of the grants: one was passed over if somebody whose first command came later was served before it.
  grants.sort((a, b) => (a.turn < b.turn ? -1 : 1));
  let inversions = 0;
  let latest = 0;
  // How many were served between two turns of a client: about as many as there are, if nobody is passed over.
  const before = new Map();
  const turns = [];
  for (const [place, { index, arrival }] of grants.entries()) {
    if (arrival < latest) inversions++;
    latest = Math.max(latest, arrival);
    if (before.has(index)) turns.push(place - before.get(index));
    before.set(index, place);
  }
  const mean = turns.reduce((sum, each) => sum + each, 0) / turns.length;
  const longestInTurns = turns.reduce((most, each) => Math.max(most, each), 0) / mean;
  console.log(JSON.stringify({ inversions, longestInTurns, served }));
}
// oxlint-disable-next-line unicorn/no-process-exit -- connections are left as they are
process.exit(0);
