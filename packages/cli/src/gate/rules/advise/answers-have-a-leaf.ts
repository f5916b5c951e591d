import { conflictsOf } from "../../advise/alternatives.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "advise/answers-have-a-leaf",
    stage: "advise",
    severity: "error",
    origin: "vendor",
    title: "Some store gives what the workload asks for",
    rationale:
      "Above the tree's rate no leaf gives strong consistency: Redis Cluster replicates asynchronously, and Kafka's durable order is no read that sees the latest write.",
    sources: [
      "https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/",
      "https://kafka.apache.org/documentation/#replication",
    ],
    fix: "Split the workload: what must be consistent apart from what must be fast.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    for (const [name, workload] of Object.entries(config.workloads)) {
      for (const { kind, message } of conflictsOf(workload, preset)) {
        if (kind !== "conflict") continue;
        const path = ["workloads", name, "consistency"];
        // The article's tree does not ask for consistency there: its leaf stands.
        report({ path, message, severity: preset.name === "article" ? "warning" : "error" });
      }
    }
  },
  tests: {
    valid: [
      "workloads: { a: { writesPerSecond: 120000, ordering: strict, consistency: eventual, store: kafka } }",
      "workloads: { a: { writesPerSecond: 100, ordering: strict, consistency: linearizable, store: etcd } }",
    ],
    invalid: [
      {
        code: "workloads: { a: { writesPerSecond: 120000, ordering: strict, consistency: linearizable, store: kafka } }",
        errors: [{ path: "workloads.a.consistency" }],
      },
      {
        code: "workloads: { a: { writesPerSecond: 120000, ordering: none, consistency: linearizable, store: redis-cluster } }",
        errors: [{ path: "workloads.a.consistency" }],
      },
    ],
  },
});
