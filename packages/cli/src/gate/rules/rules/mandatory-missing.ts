import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";
import { redisMemoryScene } from "../../alerts/redis-memory-scene.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/mandatory-missing",
    stage: "rules",
    severity: "error",
    origin: "article",
    title: "An alert that the article demands is missing",
    rationale:
      "A cluster was read-only for 23 minutes because nothing watched its disk. A rule of your own counts when it fires on the series of a case that must not be missed, whatever its form.",
    sources: ["the article, chapter 5"],
    fix: "Let `snowshed gate rules build` write it, or add a rule of your own that fires in the same case.",
    needs: ["static"],
  },
  fixtures: {
    // It asks for the right metric, and is silent when a little more than three quarters are in use.
    wrong: redisMemoryScene(0.95),
    right: redisMemoryScene(0.75),
  },
});
