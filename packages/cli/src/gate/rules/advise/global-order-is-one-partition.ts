import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "advise/global-order-is-one-partition",
    stage: "advise",
    severity: "warning",
    origin: "vendor",
    title: "A global order fits into one partition",
    rationale: "Kafka orders within a partition. One order for everything is one partition: one leader, one consumer.",
    sources: ["https://kafka.apache.org/documentation/#intro_concepts_and_terms"],
    fix: "Order by key (`orderingScope: key`), unless every message truly depends on every other.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    for (const [name, { store, ordering, orderingScope, writesPerSecond }] of Object.entries(config.workloads)) {
      if (store !== "kafka" || ordering !== "strict" || orderingScope !== "global") continue;
      if (writesPerSecond <= preset.highWritesPerSecond) continue;
      const message = `a global order of ${writesPerSecond} writes per second goes through a single partition`;
      report({ path: ["workloads", name, "orderingScope"], message });
    }
  },
  tests: {
    valid: [
      "workloads: { a: { writesPerSecond: 120000, ordering: strict, orderingScope: key, consistency: eventual, store: kafka } }",
    ],
    invalid: [
      {
        code: "workloads: { a: { writesPerSecond: 120000, ordering: strict, orderingScope: global, consistency: eventual, store: kafka } }",
        errors: [{ path: "workloads.a.orderingScope" }],
      },
    ],
  },
});
