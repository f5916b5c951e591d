import type { LintRule, LintScene } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

const scene = (limit: number): LintScene => ({
  config: `workloads:
  session: { writesPerSecond: 800, ordering: none, consistency: eventual, store: redis-sentinel }
alerts: { lint: [own.yml] }
`,
  files: {
    "own.yml": `groups:
- name: mine
  rules:
  - { alert: A, expr: "redis_memory_used_bytes / (redis_memory_max_bytes > 0) > ${limit}" }
`,
  },
});

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
    wrong: scene(0.95),
    right: scene(0.75),
  },
});
