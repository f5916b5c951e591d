import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { wholeNumber } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-rejected-connections",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Redis has turned clients away",
    rationale: "rejected_connections counts connects beyond maxclients since the server started.",
    sources: ["https://redis.io/docs/latest/develop/reference/clients/"],
    fix: "Compare maxclients with the pools of all processes.",
    needs: ["live"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      const rejected = wholeNumber(server.value("info.rejected_connections")) ?? 0;
      if (rejected <= 0) continue;
      context.report({
        ...server.at("info.rejected_connections"),
        message: `${server.name}: ${rejected} connections were turned away since it started (maxclients)`,
      });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", live: liveFactsOf("redis", { "info.rejected_connections": "0" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("redis", { "info.rejected_connections": "2" }),
        errors: [{ path: "connections.redis" }],
      },
    ],
  },
});
