import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { uses } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/transparent-huge-pages",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "Transparent huge pages on a machine with Redis",
    rationale:
      "After a fork each write copies a huge page instead of one of 4 KiB: latency and memory jump during snapshots.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency/",
      "https://redis.io/docs/latest/operate/oss_and_stack/management/admin/",
    ],
    fix: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, before Redis starts.",
    needs: ["live"],
  },
  check(context) {
    if (!uses(context, "redis")) return;
    for (const machine of serversOf(context, "kernel")) {
      if (machine.value("transparent-huge-pages") !== "always") continue;
      const message = `transparent huge pages are "always" on ${machine.name}: a snapshot of Redis copies 2 MiB for each write`;
      context.report({ ...machine.at("transparent-huge-pages"), message });
    }
  },
  tests: {
    valid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        live: liveFactsOf("kernel", { "transparent-huge-pages": "madvise" }),
      },
    ],
    invalid: [
      {
        code: "connections: { redis: { max: 4, perProcess: 1, processes: 4 } }",
        live: liveFactsOf("kernel", { "transparent-huge-pages": "always" }),
        errors: [{ path: "kernel" }],
      },
    ],
  },
});
