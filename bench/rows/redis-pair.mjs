import { oursOf } from "../ours.mjs";
import { connect, startRedis } from "../redis/server.mjs";

const names = 50;

/** `operation()`s one after the other, or by 50 callers between them. */
const alone = (operation) => async (operations) => {
  for (let index = 0; index < operations; index++) await operation(0);
};
const together = (operation) => (operations) =>
  Promise.all(
    Array.from({ length: names }, async (_, name) => {
      for (let index = 0; index < operations / names; index++) await operation(name);
    }),
  );

/** How each of them takes a permit that is free and gives it back; by number of the caller, each with a name of its own. */
const pairs = {
  async snowshed(client, options) {
    const { RedisSemaphore } = await oursOf("adapters/redis", "RedisSemaphore");
    const semaphores = Array.from(
      { length: names },
      (_, name) => new RedisSemaphore(client, `bench-${name}`, { permits: 5, ...options }),
    );
    return async (name) => {
      const permit = await semaphores[name].permit();
      await permit.release();
    };
  },
  async "redis-semaphore"(client) {
    const { Semaphore } = await import("redis-semaphore");
    const semaphores = Array.from({ length: names }, (_, name) => new Semaphore(client, `bench-${name}`, 5));
    return async (name) => {
      await semaphores[name].acquire();
      await semaphores[name].release();
    };
  },
  async "two EVALSHA"(client) {
    const sha = await client.script("LOAD", "return 1");
    return async (name) => {
      await client.evalsha(sha, 1, `bench-${name}`);
      await client.evalsha(sha, 1, `bench-${name}`);
    };
  },
};

const contender = (id, role, make, loop, options) => ({
  id,
  role,
  setup: async () => loop(await pairs[make](await connect(await startRedis()), options)),
});

const handover = { localHandover: { times: 100, ms: 100 } };

export const row = {
  name: "redis-pair",
  title: "a permit on Redis that is free, and back",
  unit: "ns/op",
  metric: "wall",
  operations: 2000,
  what: `\`permit()\` and \`release()\`, both awaited, of a semaphore of 5 on a Redis of its own on another core, by ioredis. The floor is two
EVALSHA of \`return 1\` by the same client. "×50": 50 callers, each with a semaphore of its own, on one connection. "local
hand-over" keeps a permit for the next caller of the same process, which is asked for by \`localHandover\`.`,
  contenders: [
    contender("snowshed", "ours", "snowshed", alone),
    contender("snowshed, local hand-over", "ours", "snowshed", alone, handover),
    contender("redis-semaphore", "peer", "redis-semaphore", alone),
    contender("two EVALSHA", "floor", "two EVALSHA", alone),
    contender("snowshed ×50", "variant", "snowshed", together),
    contender("redis-semaphore ×50", "peer", "redis-semaphore", together),
    contender("two EVALSHA ×50", "floor", "two EVALSHA", together),
  ],
  targets: [
    { text: "faster than redis-semaphore", ours: "snowshed", marks: ["redis-semaphore"], atMost: 1 },
    { text: "≥ 0.75 of the floor's rate", ours: "snowshed", marks: ["two EVALSHA"], atMost: 1 / 0.75 },
    {
      text: "local hand-over: ≥ 3× the floor's rate",
      ours: "snowshed, local hand-over",
      marks: ["two EVALSHA"],
      atMost: 1 / 3,
    },
  ],
};
