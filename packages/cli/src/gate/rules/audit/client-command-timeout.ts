import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/client-command-timeout",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "A client that waits for an answer without end",
    rationale:
      "A server that is frozen, or behind a network that drops, never answers and never closes. ioredis and node-redis have no limit for a command unless they are given one, and neither has an etcd call without a deadline.",
    sources: [
      "https://github.com/redis/ioredis",
      "https://github.com/redis/node-redis/blob/master/docs/client-configuration.md",
    ],
    fix: "Set commandTimeout (ioredis), commandOptions.timeout (node-redis 5) or a deadline for each call, and say so in commandTimeoutMs.",
    needs: ["static"],
  },
  check(context) {
    for (const kind of ["redis", "etcd"] as const) {
      for (const { name, path, commandTimeoutMs = 0 } of connectionsOf(context.config, kind)) {
        if (commandTimeoutMs > 0) continue;
        context.report({
          path,
          message: `${name}: no commandTimeoutMs, so that a call to a server that does not answer waits for ever`,
        });
      }
    }
  },
  tests: {
    valid: [
      "connections: { redis: { max: 20, perProcess: 4, processes: 2, commandTimeoutMs: 400 } }",
      "connections: { kafka: { max: 20, perProcess: 4, processes: 2 } }",
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 20, perProcess: 4, processes: 2 } }",
        errors: [{ path: "connections.redis" }],
      },
      {
        code: "connections: { etcd: { max: 2, perProcess: 1, processes: 2, commandTimeoutMs: 0 } }",
        errors: [{ path: "connections.etcd" }],
      },
    ],
  },
});
