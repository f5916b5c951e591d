import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/client-offline-queue",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A client that keeps commands without bound while the server is away",
    rationale:
      "ioredis (enableOfflineQueue) and node-redis (commandsQueueMaxLength) queue what is sent while there is no connection, by default without a bound: memory grows until the process dies, and what is sent later is stale.",
    sources: [
      "https://github.com/redis/ioredis",
      "https://github.com/redis/node-redis/blob/master/docs/client-configuration.md",
    ],
    fix: "Turn the offline queue off or bound it, and say so in maxQueue (0: none).",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, maxQueue, client } of connectionsOf(context.config, "redis")) {
      if (maxQueue !== undefined || (client !== undefined && !/^(?:ioredis|node-redis|redis)$/.test(client))) continue;
      context.report({
        path,
        message: `${name}: no maxQueue, so that commands pile up in memory while the server is away`,
      });
    }
  },
  tests: {
    valid: [
      "connections: { redis: { max: 20, perProcess: 4, processes: 2, client: ioredis, maxQueue: 0 } }",
      "connections: { redis: { max: 20, perProcess: 4, processes: 2, client: own } }",
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 20, perProcess: 4, processes: 2, client: ioredis } }",
        errors: [{ path: "connections.redis" }],
      },
      {
        code: "connections: { redis-cache: { max: 20, perProcess: 4, processes: 2 } }",
        errors: [{ path: "connections.redis-cache" }],
      },
    ],
  },
});
