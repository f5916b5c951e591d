import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { redisBytes } from "../../audit/amounts.ts";
import { factsOf, liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-maxmemory",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Redis without a bound on its memory",
    rationale:
      "With maxmemory 0 Redis grows until the kernel ends it. A ratio against it is infinite as well, so that an alert on memory always or never fires.",
    sources: [
      "https://github.com/redis/redis/blob/7.2/redis.conf",
      "https://redis.io/docs/latest/develop/reference/eviction/",
      "the article, chapter 5",
    ],
    fix: "Set maxmemory, with a quarter of the machine or container left for forks, buffers and fragmentation.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      if (server.value("info.role") === "sentinel") continue;
      const value = server.valueOr("maxmemory", "0");
      if (value === undefined) {
        if (!server.isLive) context.skip(`${server.name}: its settings are in a file that was not read`);
      } else if (redisBytes(value) === 0) {
        context.report({
          ...server.at("maxmemory"),
          message: `${server.name}: maxmemory is 0: it grows until the kernel ends it`,
        });
      }
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", facts: factsOf("redis", { maxmemory: "512mb" }) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { maxmemory: "0" }),
        errors: [{ path: "files.redis.0" }],
      },
      { code: "extends: snowshed:recommended", facts: factsOf("redis", {}), errors: [{ path: "files.redis.0" }] },
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { maxmemory: "0" }),
        errors: [{ path: "connections.redis" }],
      },
    ],
  },
});
