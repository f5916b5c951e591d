import type { LintRule, LintScene } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

const scene = (expression: string): LintScene => ({
  config: "alerts: { lint: [own.yml] }",
  files: { "own.yml": `groups: [{ name: a, rules: [{ alert: A, expr: "${expression}" }] }]` },
});

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/promtool",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "promtool refuses a rule file",
    rationale: "Prometheus would refuse it as well.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    fix: "Correct what it names.",
    needs: ["static"],
  },
  fixtures: {
    // It can be read; that time() takes nothing is known to Prometheus alone.
    wrong: scene("up > time(1)"),
    right: scene("up > time()"),
  },
});
