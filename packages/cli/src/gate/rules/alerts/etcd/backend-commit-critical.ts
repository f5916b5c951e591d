import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { diskBounds, quantileOf } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "etcd_disk_backend_commit_duration_seconds";
const labels = { job: "etcd", instance: "etcd-1:2379" };
const forMinutes = 5;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, instance");

export const etcdBackendCommitCritical: Alert = defineAlert({
  meta: {
    id: "etcd/backend-commit-critical",
    alert: "EtcdBackendCommitVerySlow",
    exporter: "etcd",
    origin: "article",
    title: "The commits of etcd's backend are too slow",
    rationale:
      "The article's mandatory rule. The metric is a histogram: its quantile has to be computed, since no series has a label quantile.",
    sources: ["the article, chapter 5", "https://prometheus.io/docs/practices/histograms/"],
    fix: "Move etcd to a disk of its own with a low fsync latency; look for a neighbour that writes, and for a worn SSD.",
    mandatory: "etcd-backend-commit",
  },
  expr: (variables) => `${value(variables)} > ${variables.etcdBackendCommitSeconds}`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: {
    summary: "etcd {{ $labels.instance }}: the slowest commits of the backend take longer than the limit",
  },
  series: (variables) => {
    const { quantile, etcdBackendCommitSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: diskBounds, quantile, value: limit * share });
    return sides({ over: at(1.05), under: at(0.95), labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.etcdBackendCommitSeconds,
    unit: "s",
  },
});
