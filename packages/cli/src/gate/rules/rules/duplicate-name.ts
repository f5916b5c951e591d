import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/duplicate-name",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "A name is used twice",
    rationale:
      "Two groups of one name in a file are refused by Prometheus; two equal alerts notify twice and hide which is meant.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    fix: "Give each its own name.",
    needs: ["static"],
  },
  fixtures: {
    wrong: "groups: [{ name: a, rules: [{ record: a, expr: up }, { record: a, expr: up }] }]",
    right: "groups: [{ name: a, rules: [{ record: a, expr: up }, { record: a, expr: up, labels: { b: c } }] }]",
  },
});
