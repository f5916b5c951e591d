import { oursOf } from "../ours.mjs";
import { connect, startRedis } from "../redis/server.mjs";

const callers = 50;
const plenty = 1_000_000_000;

const together = (operation) => (operations) =>
  Promise.all(
    Array.from({ length: callers }, async () => {
      for (let index = 0; index < operations / callers; index++) await operation();
    }),
  );
const alone = (operation) => async (operations) => {
  for (let index = 0; index < operations; index++) await operation();
};

const takers = {
  async snowshed(client, options) {
    const { RedisQuota } = await oursOf("adapters/redis", "RedisQuota");
    const quota = new RedisQuota(client, "bench", {
      limits: [{ requests: plenty, per: "24h", burst: plenty }],
      ...options,
    });
    return () => quota.permit();
  },
  async "rate-limiter-flexible"(client) {
    const { RateLimiterRedis } = await import("rate-limiter-flexible");
    const limiter = new RateLimiterRedis({ storeClient: client, points: plenty, duration: 86_400 });
    return () => limiter.consume("one");
  },
  async EVALSHA(client) {
    const sha = await client.script("LOAD", "return 1");
    return () => client.evalsha(sha, 1, "bench");
  },
};

const contender = (id, role, make, loop, options) => ({
  id,
  role,
  setup: async () => loop(await takers[make](await connect(await startRedis()), options)),
});

export const row = {
  name: "redis-quota",
  title: "a quota on Redis that is not exhausted",
  unit: "ns/op",
  metric: "wall",
  operations: 5000,
  what: `One unit of a quota of 10^9 a day, on a Redis of its own on another core, by ioredis: \`permit()\` of snowshed, \`consume\` of
rate-limiter-flexible, and as a floor one EVALSHA of \`return 1\`. "×50": 50 callers on one connection. "blocks": the process
takes so many units at once, which it may spend until they would be there again anyway; so the quota is one of a day. The
wait for the next block is counted in.`,
  contenders: [
    contender("snowshed ×50", "ours", "snowshed", together),
    contender("snowshed, blocks of 10,000 ×50", "ours", "snowshed", together, { block: 10_000 }),
    contender("snowshed, blocks of 1000 ×50", "variant", "snowshed", together, { block: 1000 }),
    contender("rate-limiter-flexible ×50", "peer", "rate-limiter-flexible", together),
    contender("EVALSHA ×50", "floor", "EVALSHA", together),
    contender("snowshed", "variant", "snowshed", alone),
    contender("rate-limiter-flexible", "peer", "rate-limiter-flexible", alone),
    contender("EVALSHA", "floor", "EVALSHA", alone),
  ],
  targets: [
    {
      text: "≥ 1.2× rate-limiter-flexible's rate",
      ours: "snowshed ×50",
      marks: ["rate-limiter-flexible ×50"],
      atMost: 1 / 1.2,
    },
    { text: "≥ 0.6 of the floor's rate", ours: "snowshed ×50", marks: ["EVALSHA ×50"], atMost: 1 / 0.6 },
    {
      text: "blocks: ≥ 10× the floor's rate",
      ours: "snowshed, blocks of 10,000 ×50",
      marks: ["EVALSHA ×50"],
      atMost: 0.1,
    },
  ],
};
