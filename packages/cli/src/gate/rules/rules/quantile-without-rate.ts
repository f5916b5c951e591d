import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/quantile-without-rate",
    stage: "rules",
    severity: "warning",
    origin: "vendor",
    title: "histogram_quantile() over everything since the start",
    rationale: "Buckets only grow: without rate() what happens now is lost in what happened in weeks.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"],
    fix: "Take rate(…_bucket[5m]).",
    needs: ["static"],
  },
  fixtures: {
    wrong: "histogram_quantile(0.99, etcd_disk_wal_fsync_duration_seconds_bucket) > 1",
    right: "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m])) > 1",
  },
});
