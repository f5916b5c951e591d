import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "etcd_server_has_leader";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 1;
const value = metric;

export const etcdNoLeader: Alert = defineAlert({
  meta: {
    id: "etcd/no-leader",
    alert: "EtcdNoLeader",
    exporter: "etcd",
    origin: "vendor",
    title: "A member of etcd has no leader",
    rationale: "Without a leader there are no writes, and no reads that are up to date.",
    sources: ["https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "See whether a majority of members is up and can reach each other.",
  },
  expr: () => `${value} == 0`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "etcd {{ $labels.instance }}: knows no leader" },
  series: () => sides({ over: [steady(metric, labels, 0)], under: [steady(metric, labels, 1)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
