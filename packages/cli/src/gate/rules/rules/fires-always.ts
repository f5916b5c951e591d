import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";
import { redisMemoryScene } from "../../alerts/redis-memory-scene.ts";

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
  fixtures: { wrong: redisMemoryScene(0.1), right: redisMemoryScene(0.7) },
});
