import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { bytesText } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-memory-used",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "Redis has used more of its memory than the article allows",
    rationale:
      "The article keeps 25 % free: beyond it evictions and forks make latency jump. What does not count for eviction is left out.",
    sources: ["the article, chapter 5", "https://redis.io/docs/latest/develop/reference/eviction/"],
    fix: "Add memory or shards, or shorten expiries.",
    needs: ["live"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      if (!server.isLive) continue;
      const most = Number(server.value("info.maxmemory") ?? server.value("maxmemory") ?? 0);
      const used =
        Number(server.value("info.used_memory") ?? 0) - Number(server.value("info.mem_not_counted_for_eviction") ?? 0);
      // Without a bound there is no share: that has a rule of its own.
      if (!(most > 0) || used / most <= context.preset.alerts.redisMemoryRatio) continue;
      context.report({
        ...server.at("info.used_memory"),
        message: `${server.name}: ${bytesText(used)} of ${bytesText(most)} are used (${Math.round((100 * used) / most)} %)`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { "info.used_memory": "75", "info.maxmemory": "100" }),
      },
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { "info.used_memory": "75", "info.maxmemory": "0" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { "info.used_memory": "76", "info.maxmemory": "100" }),
        errors: [{ path: "connections.redis" }],
      },
    ],
  },
});
