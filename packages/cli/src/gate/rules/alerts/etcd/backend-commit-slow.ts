import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { diskBounds, quantileOf } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_disk_backend_commit_duration_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 10;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, instance");

export const etcdBackendCommitSlow: Alert = defineAlert({
  meta: {
    id: "etcd/backend-commit-slow",
    alert: "EtcdBackendCommitSlow",
    exporter: "etcd",
    origin: "vendor",
    title: "The commits of etcd's backend get slow",
    rationale: "A quarter of a second is where the rules that come with etcd begin to warn.",
    sources: ["https://github.com/etcd-io/etcd/blob/main/contrib/mixin/mixin.libsonnet"],
    fix: "Move etcd to a disk of its own with a low fsync latency; look for a neighbour that writes, and for a worn SSD.",
    preset: "recommended",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdBackendCommitWarningSeconds}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "etcd {{ $labels.instance }}: commits of the backend are getting slow" },
  series: (variables) => {
    const { quantile, etcdBackendCommitWarningSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: diskBounds, quantile, value: limit * share });
    return sides({ over: at(1.05), under: at(0.95), labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdBackendCommitWarningSeconds,
    unit: "s",
  },
});
