import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/pool-total",
    stage: "audit",
    severity: "error",
    origin: "measured",
    title: "All processes together open more connections than were planned",
    rationale:
      "What counts for the server is connections per process × processes × machines. One process is tuned, then twelve of them run on four machines.",
    sources: ["https://redis.io/docs/latest/develop/reference/clients/", "the article, chapter 5"],
    fix: "Lower perProcess, or raise max after a look at what the server bears.",
    needs: ["static"],
  },
  check(context) {
    for (const kind of ["redis", "kafka", "etcd"] as const) {
      for (const { name, path, max, total, perProcess, processes, replicas = 1 } of connectionsOf(
        context.config,
        kind,
      )) {
        if (total <= max) continue;
        const message = `${name}: ${perProcess} per process × ${processes} processes × ${replicas} machines = ${total} connections, and max is ${max}`;
        context.report({ path: [...path, "perProcess"], message, data: { total, max } });
      }
    }
  },
  tests: {
    valid: ["connections: { redis: { max: 48, perProcess: 4, processes: 12 } }"],
    invalid: [
      {
        code: "connections: { redis: { max: 48, perProcess: 4, processes: 12, replicas: 2 } }",
        errors: [{ path: "connections.redis.perProcess" }],
      },
      {
        code: "connections: { etcd: { max: 4, perProcess: 5, processes: 1 } }",
        errors: [{ path: "connections.etcd.perProcess" }],
      },
    ],
  },
});
