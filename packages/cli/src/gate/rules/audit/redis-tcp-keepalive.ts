import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-tcp-keepalive",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Dead clients keep their connections",
    rationale:
      "With tcp-keepalive 0 and timeout 0 the connection of a machine that vanished stays, and counts against maxclients for ever.",
    sources: [
      "https://github.com/redis/redis/blob/7.2/redis.conf",
      "https://redis.io/docs/latest/develop/reference/clients/",
    ],
    fix: "tcp-keepalive 300 (the default) or less.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      if (server.value("tcp-keepalive") !== "0" || (server.value("timeout") ?? "0") !== "0") continue;
      context.report({
        ...server.at("tcp-keepalive"),
        message: `${server.name}: tcp-keepalive is 0, so that connections of clients that vanished stay for ever`,
      });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", facts: factsOf("redis", { "tcp-keepalive": "300" }) },
      { code: "extends: snowshed:recommended", facts: factsOf("redis", { "tcp-keepalive": "0", timeout: "600" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { "tcp-keepalive": "0" }),
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});
