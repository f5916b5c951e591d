import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { diskBounds, quantileOf } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_disk_wal_fsync_duration_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 5;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, instance");

export const etcdWalFsyncCritical: Alert = defineAlert({
  meta: {
    id: "etcd/wal-fsync-critical",
    alert: "EtcdWalFsyncVerySlow",
    exporter: "etcd",
    origin: "article",
    title: "The write-ahead log of etcd is synced too slowly",
    rationale:
      "Every write waits for this sync. At 1.2 s a cluster became read-only, and nobody noticed for 23 minutes.",
    sources: ["the article, chapter 5", "https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "Move etcd to a disk of its own with a low fsync latency; look for a neighbour that writes, and for a worn SSD.",
    mandatory: "etcd-wal-fsync",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdWalFsyncSeconds}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: {
    summary: "etcd {{ $labels.instance }}: the slowest syncs of the write-ahead log take longer than the limit",
  },
  series: (variables) => {
    const { quantile, etcdWalFsyncSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: diskBounds, quantile, value: limit * share });
    return sides({ over: at(1.05), under: at(0.95), labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdWalFsyncSeconds,
    unit: "s",
  },
});
