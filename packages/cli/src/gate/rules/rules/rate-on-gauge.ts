import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/rate-on-gauge",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "rate() of a gauge",
    rationale: "rate() takes each fall for a restart of a counter: the result is wrong whenever the value goes down.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#rate"],
    fix: "Use deriv() or delta(), or compare the gauge itself.",
    needs: ["static"],
  },
  fixtures: { wrong: "rate(redis_memory_used_bytes[5m]) > 0", right: "deriv(redis_memory_used_bytes[5m]) > 0" },
});
