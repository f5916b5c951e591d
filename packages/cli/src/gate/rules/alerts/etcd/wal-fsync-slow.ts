import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { diskBounds, quantileOf } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_disk_wal_fsync_duration_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 10;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, instance");

export const etcdWalFsyncSlow: Alert = defineAlert({
  meta: {
    id: "etcd/wal-fsync-slow",
    alert: "EtcdWalFsyncSlow",
    exporter: "etcd",
    origin: "vendor",
    title: "The write-ahead log of etcd gets slow",
    rationale: "Followers miss heartbeats when syncs take half a second: the time to look is before elections begin.",
    sources: ["https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "Move etcd to a disk of its own with a low fsync latency; look for a neighbour that writes, and for a worn SSD.",
    preset: "recommended",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdWalFsyncWarningSeconds}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "etcd {{ $labels.instance }}: syncs of the write-ahead log are getting slow" },
  series: (variables) => {
    const { quantile, etcdWalFsyncWarningSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: diskBounds, quantile, value: limit * share });
    return sides({ over: at(1.05), under: at(0.95), labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdWalFsyncWarningSeconds,
    unit: "s",
  },
});
