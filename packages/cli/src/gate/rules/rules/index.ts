import { lintRules } from "../../alerts/lint-rules.ts";
import type { Rule } from "../../rule.ts";

/** What the stage finds in rule files: one table, since one reader of a file finds all of it. */
export const rulesRules: readonly Rule[] = lintRules;
