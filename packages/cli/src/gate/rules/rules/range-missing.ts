import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/range-missing",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A function of a range gets no range",
    rationale: "Prometheus refuses the expression.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/"],
    fix: "Give it a window, such as [5m].",
    needs: ["static"],
  },
  fixtures: { wrong: "rate(redis_evicted_keys_total) > 0", right: "rate(redis_evicted_keys_total[5m]) > 0" },
});
