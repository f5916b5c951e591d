import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 10;
const value = ratioOf("etcd_mvcc_db_total_size_in_bytes", "etcd_server_quota_backend_bytes");

export const etcdDatabaseQuota: Alert = defineAlert({
  meta: {
    id: "etcd/database-quota",
    alert: "EtcdDatabaseQuotaLow",
    exporter: "etcd",
    origin: "vendor",
    title: "The database of etcd is nearly full",
    rationale: "At the quota etcd raises an alarm and takes no more writes.",
    sources: ["https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "Compact and defragment, or raise quota-backend-bytes.",
  },
  expr: (variables) => `${value} > ${variables.etcdQuotaRatio}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "etcd {{ $labels.instance }}: the database is nearly as large as its quota" },
  series: ({ etcdQuotaRatio: limit }) => {
    const whole = steady("etcd_server_quota_backend_bytes", labels, 1e9);
    const used = (share: number) => [steady("etcd_mvcc_db_total_size_in_bytes", labels, 1e9 * limit * share), whole];
    return [
      ...sides({ over: used(1.005), under: used(0.95), labels, forMinutes }),
      {
        name: "no limit is set",
        input: [
          steady("etcd_mvcc_db_total_size_in_bytes", labels, 1000),
          steady("etcd_server_quota_backend_bytes", labels, 0),
        ],
        atMinute: forMinutes + settled,
        fires: [],
      },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.etcdQuotaRatio,
    unit: "percentunit",
  },
});
