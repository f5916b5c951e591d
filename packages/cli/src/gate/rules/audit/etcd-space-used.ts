import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { bytesText } from "../../audit/amounts.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-space-used",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "etcd is near its quota",
    rationale: "When the database reaches the quota etcd raises the alarm NOSPACE and takes no more writes.",
    sources: ["https://etcd.io/docs/v3.5/op-guide/maintenance/"],
    fix: "Compact, defragment, and find who writes that much.",
    needs: ["live"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      const quota = Number(server.value("metric.etcd_server_quota_backend_bytes") ?? 0);
      const used = Number(
        server.value("metric.etcd_mvcc_db_total_size_in_bytes") ?? server.value("status.dbSize") ?? 0,
      );
      if (!(quota > 0) || used / quota <= 0.8) continue;
      context.report({
        ...server.at("metric.etcd_mvcc_db_total_size_in_bytes"),
        message: `${server.name}: ${bytesText(used)} of a quota of ${bytesText(quota)} are used`,
      });
    }
  },
  tests: {
    valid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", {
          "metric.etcd_server_quota_backend_bytes": "2e+09",
          "metric.etcd_mvcc_db_total_size_in_bytes": "1e+09",
        }),
      },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", {
          "metric.etcd_server_quota_backend_bytes": "2e+09",
          "metric.etcd_mvcc_db_total_size_in_bytes": "1.9e+09",
        }),
        errors: [{ path: "connections.etcd" }],
      },
    ],
  },
});
