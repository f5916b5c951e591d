import type { LintRule } from "../../alerts/lint-rule.ts";
import { defineLintRule } from "../../alerts/lint-rule.ts";

export const rule: LintRule = defineLintRule({
  meta: {
    id: "rules/quantile-on-histogram",
    stage: "rules",
    severity: "error",
    origin: "vendor",
    title: "A quantile is asked of a histogram by a label",
    rationale:
      "A histogram has buckets, not a label quantile: the selector matches nothing, and the alert never fires while commits take seconds.",
    sources: ["https://prometheus.io/docs/practices/histograms/"],
    fix: "histogram_quantile(0.99, sum by (job, instance, le) (rate(…_bucket[5m])))",
    needs: ["static"],
  },
  fixtures: {
    wrong: 'etcd_disk_wal_fsync_duration_seconds{quantile="0.99"} > 1',
    right: "histogram_quantile(0.99, sum by (le) (rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))) > 1",
  },
});
