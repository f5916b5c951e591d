import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { connectionsOf } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/pool-max-connections",
    stage: "audit",
    severity: "error",
    origin: "article",
    title: "A pool may hold more connections than the table allows",
    rationale:
      "Each connection costs the server memory and a file handle, and many of them that wait in turn are no faster than few. The table has 200 for Redis, 50 for Kafka and 10 for etcd. Clients that multiplex need far fewer.",
    sources: ["the article, chapter 5"],
    fix: "Lower max, or share one client in the process.",
    needs: ["static"],
  },
  check(context) {
    for (const kind of ["redis", "kafka", "etcd"] as const) {
      const most = context.preset.maxConnections[kind];
      for (const { name, path, max } of connectionsOf(context.config, kind)) {
        if (max <= most) continue;
        const message = `${name}: at most ${max} connections to one server, where ${most} are enough`;
        // The table is a rule of thumb: only the preset that is the article's own takes it for a limit.
        const severity = context.preset.name === "article" ? "error" : "warning";
        context.report({ path: [...path, "max"], message, severity, data: { max, most } });
      }
    }
  },
  tests: {
    valid: [
      "connections: { redis: { max: 200, perProcess: 4, processes: 12 }, kafka: { max: 50, perProcess: 6, processes: 4 }, etcd: { max: 10, perProcess: 1, processes: 4 } }",
      "connections: { postgres: { max: 500, perProcess: 1, processes: 1 } }",
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 201, perProcess: 4, processes: 12 } }",
        errors: [{ path: "connections.redis.max" }],
      },
      {
        code: "connections: { etcd-main: { max: 11, perProcess: 1, processes: 4 } }",
        preset: "article",
        errors: [{ path: "connections.etcd-main.max" }],
      },
    ],
  },
});
