// `node idle.mjs snowshed|redis-semaphore <lease in ms>`: how many commands a second Redis has to do for 100 waiters of one
// process while nothing happens. Prints JSON.
import { setTimeout as sleep } from "node:timers/promises";

import { oursOf } from "../ours.mjs";
import { connect, startRedis } from "./server.mjs";

const [, , what, lease] = process.argv;
const waiters = 100;
const seconds = 10;

const port = await startRedis();
const client = await connect(port);
if (what === "snowshed") {
  const { RedisSemaphore } = await oursOf("adapters/redis", "RedisSemaphore");
  const semaphore = new RedisSemaphore(client, "bench", { permits: 1, lease: Number(lease) });
  await semaphore.permit();
  for (let index = 0; index < waiters; index++) semaphore.permit().catch(() => {});
} else {
  const { Semaphore } = await import("redis-semaphore");
  const options = { lockTimeout: Number(lease), acquireTimeout: 60_000 };
  await new Semaphore(client, "bench", 1, options).acquire();
  for (let index = 0; index < waiters; index++) {
    new Semaphore(client, "bench", 1, options).acquire().catch(() => {});
  }
}
const probe = await connect(port);
const commands = async () => Number(/evalsha:calls=(\d+)/.exec(await probe.info("commandstats"))?.[1] ?? 0);
await sleep(2000);
const before = await commands();
await sleep(1000 * seconds);
const perSecond = ((await commands()) - before) / seconds;
console.log(JSON.stringify({ perSecond }));
// oxlint-disable-next-line unicorn/no-process-exit -- those who wait are left waiting
process.exit(0);
