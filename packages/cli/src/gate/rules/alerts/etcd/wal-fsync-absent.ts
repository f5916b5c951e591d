import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { absence } from "../../../alerts/fixtures.ts";

const metric = "etcd_disk_wal_fsync_duration_seconds_bucket";
const forMinutes = 10;

export const etcdWalFsyncAbsent: Alert = defineAlert({
  meta: {
    id: "etcd/wal-fsync-absent",
    alert: "EtcdWalFsyncAbsent",
    exporter: "etcd",
    origin: "measured",
    title: "Nothing tells how slow the write-ahead log is",
    rationale:
      "A rule on a series that is not there is silent for ever. This one watches that there is something to watch.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#absent"],
    fix: "See whether the target is scraped, whether its exporter runs, and whether a relabelling drops the series.",
  },
  expr: () => `absent(${metric})`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: {
    summary: "No series etcd_disk_wal_fsync_duration_seconds_bucket: rules on the write-ahead log of etcd cannot fire",
  },
  series: () => absence(metric, { job: "etcd", instance: "etcd-1:2379", le: "+Inf" }, forMinutes),
});
