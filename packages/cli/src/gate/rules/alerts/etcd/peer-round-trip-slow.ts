import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { peerBounds, quantileOf } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_network_peer_round_trip_time_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379", To: "8211f1d0f64f3269" };
const forMinutes = 10;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, instance, To");

export const etcdPeerRoundTripSlow: Alert = defineAlert({
  meta: {
    id: "etcd/peer-round-trip-slow",
    alert: "EtcdPeerRoundTripSlow",
    exporter: "etcd",
    origin: "vendor",
    title: "Members of etcd are far from each other",
    rationale: "A write waits for a majority; the default heartbeat is 100 ms.",
    sources: [
      "https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet",
      "https://etcd.io/docs/v3.5/tuning/",
    ],
    fix: "Bring the members nearer to each other, or raise heartbeat-interval and election-timeout together.",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdPeerRoundTripSeconds}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "etcd {{ $labels.instance }}: round trips to member {{ $labels.To }} are slow" },
  series: (variables) => {
    const { quantile, etcdPeerRoundTripSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: peerBounds, quantile, value: limit * share });
    return sides({ over: at(1.05), under: at(0.95), labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdPeerRoundTripSeconds,
    unit: "s",
  },
});
