import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { bytesText, redisBytes, wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/redis-container-memory",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "maxmemory leaves the container no room",
    rationale:
      "maxmemory counts the data set. Buffers of replicas and clients, fragmentation and the pages a fork copies come on top; beyond its limit the container is ended.",
    sources: ["https://redis.io/docs/latest/operate/oss_and_stack/management/admin/", "the article, chapter 5"],
    fix: "Keep maxmemory at three quarters of the limit or below.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "redis")) {
      const limit = wholeNumber(server.value("container.memory-limit"));
      const most = redisBytes(server.value("maxmemory") ?? "");
      if (limit === undefined || most === undefined || most <= limit * (1 - context.preset.headroom)) continue;
      const message = `${server.name}: maxmemory is ${bytesText(most)} in a container of ${bytesText(limit)}`;
      context.report({ ...server.at("maxmemory"), message });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { maxmemory: "768mb", "container.memory-limit": "1073741824" }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("redis", { maxmemory: "1gb", "container.memory-limit": "1073741824" }),
        errors: [{ path: "files.redis.0" }],
      },
    ],
  },
});
