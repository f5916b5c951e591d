import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/quantile-without-le",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "histogram_quantile() without le",
    rationale: "When a sum drops le there are no buckets left, and the result is empty.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"],
    fix: "Put le into the labels of `by`.",
    needs: ["static"],
  },
  fixtures: {
    wrong: "histogram_quantile(0.99, sum by (job) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
    right: "histogram_quantile(0.99, sum by (job, le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
  },
});
