import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/unguarded-divisor",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "A share of a limit that may not be set",
    rationale: "The exporter shows 0 where no limit is set; a share of 0 is infinite, and the alert fires for ever.",
    sources: ["https://github.com/samber/awesome-prometheus-alerts/issues/410"],
    fix: "Divide by (… > 0), and alert on the limit that is not set apart.",
    needs: ["static"],
  },
  fixtures: {
    wrong: "redis_memory_used_bytes / redis_memory_max_bytes > 0.75",
    right: "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.75",
  },
});
