import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/bare-histogram",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A histogram is asked for by its bare name",
    rationale: "Its series end in _bucket, _sum and _count: the bare name matches nothing.",
    sources: ["https://prometheus.io/docs/practices/histograms/"],
    fix: "Take the buckets: histogram_quantile(0.99, sum by (job, instance, le) (rate(…_bucket[5m])))",
    needs: ["static"],
  },
  fixtures: {
    wrong: "rate(etcd_disk_wal_fsync_duration_seconds[5m]) > 1",
    right: "rate(etcd_disk_wal_fsync_duration_seconds_count[5m]) > 1",
  },
});
