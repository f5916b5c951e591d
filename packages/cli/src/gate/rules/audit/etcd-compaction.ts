import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-compaction",
    stage: "audit",
    severity: "warning",
    origin: "vendor",
    title: "etcd keeps every revision",
    rationale:
      "Without auto-compaction-retention the history grows with each write until the quota is reached, and etcd takes no more writes.",
    sources: ["https://etcd.io/docs/v3.5/op-guide/maintenance/"],
    fix: "auto-compaction-mode: periodic and auto-compaction-retention: 1h, or a job that compacts. Kubernetes compacts on its own.",
    needs: ["static"],
  },
  check(context) {
    for (const server of serversOf(context, "etcd")) {
      const retention = server.valueOr("auto-compaction-retention", "0");
      if (retention === undefined || !/^0[a-z]*$/.test(retention)) continue;
      context.report({
        ...server.at("auto-compaction-retention"),
        message: `${server.name}: no auto-compaction-retention: every revision is kept until the quota is reached`,
      });
    }
  },
  tests: {
    valid: [{ code: "extends: snowshed:recommended", facts: factsOf("etcd", { "auto-compaction-retention": "1h" }) }],
    invalid: [
      {
        code: "extends: snowshed:recommended",
        facts: factsOf("etcd", { "auto-compaction-retention": "0" }),
        errors: [{ path: "files.etcd.0" }],
      },
      { code: "extends: snowshed:recommended", facts: factsOf("etcd", {}), errors: [{ path: "files.etcd.0" }] },
    ],
  },
});
