import type { LintRule, LintScene } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

const scene = (limit: number): LintScene => ({
  config: `workloads:
  session: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel }
alerts: { lint: [own.yml] }
`,
  files: {
    "own.yml": `groups:
- name: mine
  rules:
  - { alert: A, expr: "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > ${limit}" }
`,
  },
});

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/fires-always",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "An alert fires when all is well",
    rationale: "Nobody looks at an alert that is always there.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/"],
    fix: "Compare with a limit that a healthy server does not reach.",
    needs: ["static"],
  },
  fixtures: { wrong: scene(0.1), right: scene(0.7) },
});
