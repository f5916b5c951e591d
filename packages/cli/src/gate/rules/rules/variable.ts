import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/variable",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A variable of the alert rules cannot be used",
    rationale: "A limit that nothing can reach is an alert that never fires.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/gate-alerts.md"],
    fix: "See the variables in docs/gate-alerts.md.",
    needs: ["static"],
  },
  fixtures: {
    wrong: { config: "alerts: { vars: { redisMemoryRatio: 75 } }" },
    right: { config: "alerts: { vars: { redisMemoryRatio: 0.75 } }" },
  },
});
