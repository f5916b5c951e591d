import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/pool-max-idle",
    stage: "audit",
    severity: "warning",
    origin: "article",
    title: "More idle connections than the article keeps",
    rationale:
      "Idle connections hold file handles and memory on both sides. The article went from many to 50, and its p99 from 420 ms to 87 ms together with somaxconn.",
    sources: ["the article, chapter 5"],
    fix: "Set maxIdle to 50 or less.",
    needs: ["static"],
  },
  check(context) {
    for (const { name, path, maxIdle } of connectionsOf(context.config, "redis")) {
      if (maxIdle === undefined || maxIdle <= context.preset.maxIdle) continue;
      const message = `${name}: up to ${maxIdle} connections stay open idle, where ${context.preset.maxIdle} are enough`;
      const severity = context.preset.name === "article" ? "error" : "warning";
      context.report({ path: [...path, "maxIdle"], message, severity });
    }
  },
  tests: {
    valid: ["connections: { redis: { max: 200, perProcess: 4, processes: 12, maxIdle: 50 } }"],
    invalid: [
      {
        code: "connections: { redis: { max: 200, perProcess: 4, processes: 12, maxIdle: 51 } }",
        errors: [{ path: "connections.redis.maxIdle" }],
      },
      {
        code: "connections: { redis: { max: 200, perProcess: 4, processes: 12, maxIdle: 100 } }",
        preset: "article",
        errors: [{ path: "connections.redis.maxIdle" }],
      },
    ],
  },
});
