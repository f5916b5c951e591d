import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/counter-without-rate",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "A counter is compared as it is",
    rationale: "It never falls: after the first event the alert fires until the process restarts.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#increase"],
    fix: "Compare increase(…[15m]) or rate(…[5m]).",
    needs: ["static"],
  },
  fixtures: { wrong: "redis_evicted_keys_total > 0", right: "increase(redis_evicted_keys_total[15m]) > 0" },
});
