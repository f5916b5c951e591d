import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";
import { bytesText, wholeNumber } from "../../audit/amounts.ts";
import { factsOf } from "../../audit/given-facts.ts";
import { serversOf } from "../../audit/servers.ts";
import { workloadsOn } from "../../audit/uses.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "audit/etcd-value-size",
    stage: "audit",
    severity: "error",
    origin: "vendor",
    title: "Values larger than etcd accepts",
    rationale:
      "etcd refuses a request above max-request-bytes, 1.5 MiB by default: the value, its key and all else of the transaction.",
    sources: ["https://etcd.io/docs/v3.5/dev-guide/limit/"],
    fix: "Keep large values elsewhere and their address in etcd.",
    needs: ["static"],
  },
  check(context) {
    const limits = serversOf(context, "etcd").flatMap(
      (server) => wholeNumber(server.valueOr("max-request-bytes", "1572864")) ?? [],
    );
    const most = limits.length === 0 ? 1_572_864 : Math.min(...limits);
    for (const { name, path, valueBytes = 0 } of workloadsOn(context.config, "etcd")) {
      if (valueBytes <= most) continue;
      context.report({
        path: [...path, "valueBytes"],
        message: `${name}: values of ${bytesText(valueBytes)}, and etcd refuses requests above ${bytesText(most)}`,
      });
    }
  },
  tests: {
    valid: [
      "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: etcd, valueBytes: 200 } }",
    ],
    invalid: [
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: etcd, valueBytes: 2000000 } }",
        errors: [{ path: "workloads.w.valueBytes" }],
      },
      {
        code: "workloads: { w: { writesPerSecond: 10, ordering: strict, consistency: eventual, store: etcd, valueBytes: 2000 } }",
        facts: factsOf("etcd", { "max-request-bytes": "1024" }),
        errors: [{ path: "workloads.w.valueBytes" }],
      },
    ],
  },
});
