import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/include",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "An entry of alerts.include names no alert",
    rationale: "What it was meant to include is missing.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/gate-alerts.md"],
    fix: "See the ids in docs/gate-alerts.md.",
    needs: ["static"],
  },
  fixtures: {
    wrong: { config: "alerts: { include: [redi/*] }" },
    right: { config: "alerts: { include: [redis/*] }" },
  },
});
