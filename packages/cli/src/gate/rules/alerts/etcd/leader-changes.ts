import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing } from "../../../alerts/fixtures.ts";

const metric = "etcd_server_leader_changes_seen_total";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const value = `increase(${metric}[15m])`;

export const etcdLeaderChanges: Alert = defineAlert({
  meta: {
    id: "etcd/leader-changes",
    alert: "EtcdLeaderChanges",
    exporter: "etcd",
    origin: "vendor",
    title: "The leader of etcd changes often",
    rationale: "Each election is a time without writes; several in a quarter of an hour mean a slow disk or network.",
    sources: ["https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "Move etcd to a disk of its own with a low fsync latency; look for a neighbour that writes, and for a worn SSD.",
  },
  expr: (variables) => `${value} >= ${variables.etcdLeaderChanges}`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: { summary: "etcd {{ $labels.instance }}: the leader has changed several times" },
  series: ({ etcdLeaderChanges: limit }) => {
    const changes = (share: number) => [growing(metric, labels, (limit / 15) * share)];
    // The window has to be full first.
    return [
      { name: "as many as the limit", input: changes(1.05), atMinute: 30, fires: [labels] },
      { name: "fewer", input: changes(0.95), atMinute: 30, fires: [] },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.etcdLeaderChanges,
    unit: "short",
  },
});
