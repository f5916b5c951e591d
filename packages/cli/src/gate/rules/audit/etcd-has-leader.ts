import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { liveFactsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-has-leader",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "A member of etcd has no leader",
    rationale: "Without a leader nothing is written, and linearizable reads fail.",
    sources: ["https://etcd.io/docs/v3.5/faq/"],
    fix: "Look at the peers: network, disks, quorum.",
    needs: ["live"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      if (server.value("metric.etcd_server_has_leader") !== "0") continue;
      context.report({ ...server.at("metric.etcd_server_has_leader"), message: `${server.name} has no leader` });
    }
  },
  tests: {
    valid: [
      { code: "extends: snowshed:recommended", live: liveFactsOf("etcd", { "metric.etcd_server_has_leader": "1" }) },
    ],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        live: liveFactsOf("etcd", { "metric.etcd_server_has_leader": "0" }),
        errors: [{ path: "connections.etcd" }],
      },
    ],
  },
});
