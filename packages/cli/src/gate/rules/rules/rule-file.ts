import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/rule-file",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A rule file cannot be read",
    rationale: "Prometheus refuses the whole configuration, and goes on with the old one.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    fix: "Make it a YAML file with `groups`; render templates first.",
    needs: ["static"],
  },
  fixtures: { wrong: "groups: 3", right: "groups: [{ name: a, rules: [{ record: a, expr: up }] }]" },
});
