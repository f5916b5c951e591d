import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/promql-syntax",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "An expression is no PromQL",
    rationale: "Prometheus refuses the whole configuration, and goes on with the old one.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/basics/"],
    fix: "Correct the expression.",
    needs: ["static"],
  },
  fixtures: { wrong: "sum(rate(up[5m])", right: "sum(rate(up[5m]))" },
});
