import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/unknown-series",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "No exporter has such a series",
    rationale: "A rule on a series that is not there is silent for ever.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/gate-alerts.md"],
    fix: "Correct the name, or add an alert on absent(…).",
    needs: ["static"],
  },
  fixtures: { wrong: "redis_memory_use_bytes > 1", right: "redis_memory_used_bytes > 1" },
});
