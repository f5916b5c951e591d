import { alternativesTo, conflictsOf } from "../../advise/alternatives.ts";
import type { Rule } from "../../rule.ts";
import { defineRule } from "../../rule.ts";

export const rule: Rule = defineRule({
  meta: {
    id: "advise/order-survives-failover",
    stage: "advise",
    severity: "warning",
    origin: "vendor",
    title: "Strict order is kept across a failover",
    rationale: "A replica that is promoted may lack the last writes, so that later ones follow what nobody saw.",
    sources: ["https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/"],
    fix: "Use one of the stores the message names, or make the order part of the data.",
    needs: ["static"],
  },
  check({ config, preset, report }) {
    for (const [name, workload] of Object.entries(config.workloads)) {
      if (workload.store !== "redis-sentinel") continue;
      const others = alternativesTo(workload, preset).map((each) => each.name);
      for (const { kind, message } of conflictsOf(workload, preset)) {
        if (kind !== "unmet") continue;
        const instead = others.length === 0 ? "" : `; these keep more of it: ${others.join(", ")}`;
        const severity = preset.name === "article" ? "info" : "warning";
        report({ path: ["workloads", name, "ordering"], message: `${message}${instead}`, severity });
      }
    }
  },
  tests: {
    valid: ["workloads: { a: { writesPerSecond: 100, ordering: none, consistency: eventual, store: redis-sentinel } }"],
    invalid: [
      {
        code: "workloads: { a: { writesPerSecond: 100, ordering: strict, consistency: eventual, store: redis-sentinel } }",
        errors: [{ path: "workloads.a.ordering" }],
      },
    ],
  },
});
