import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/empty-group",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "A group has no rules",
    rationale: "It looks as if something were watched.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    fix: "Add its rules, or remove the group.",
    needs: ["static"],
  },
  fixtures: { wrong: "groups: []", right: "groups: [{ name: a, rules: [{ record: a, expr: up }] }]" },
});
