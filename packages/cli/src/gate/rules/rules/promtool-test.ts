import type { LintRule, LintScene } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

const scene = (quantile: number): LintScene => ({
  config: `alerts: { include: [etcd/wal-fsync-critical], vars: { quantile: ${quantile}, etcdWalFsyncSeconds: 7.5 } }`,
  isTested: true,
});

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/promtool-test",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A rule does not do what its test says",
    rationale: "It fires too late, never, or when all is well.",
    sources: ["https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/"],
    fix: "Correct the rule or the test.",
    needs: ["static"],
  },
  fixtures: {
    // When all is in the bucket from 4.1 s to 8.2 s, its middle is taken for the median: a limit above it is not reached.
    wrong: scene(0.5),
    right: scene(0.99),
  },
});
