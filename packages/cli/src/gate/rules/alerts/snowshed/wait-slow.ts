import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { quantileOf, waitBounds } from "../../../alerts/expressions.ts";
import { histogram, sides } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "snowshed_wait_seconds";
const labels = { job: "api", instance: "api-1:9464", kind: "pool", name: "database", outcome: "granted" };
const forMinutes = 10;

const value = (variables: AlertVariables): string => quantileOf(metric, variables.quantile, "job, kind, name");

export const snowshedWaitSlow: Alert = defineAlert({
  meta: {
    id: "snowshed/wait-slow",
    alert: "SnowshedWaitSlow",
    exporter: "snowshed",
    origin: "vendor",
    title: "Callers wait long for a resource",
    rationale: "Their own callers wait as long, and hold what they hold.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Raise the capacity of the resource, or shed earlier.",
  },
  expr: (variables) => `${value(variables)} > ${variables.snowshedWaitSeconds}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: {
    summary: "{{ $labels.job }}: the slowest waits for {{ $labels.kind }} {{ $labels.name }} are longer than the limit",
  },
  series: (variables) => {
    const { quantile, snowshedWaitSeconds: limit } = variables;
    const at = (share: number) => histogram(metric, labels, { bounds: waitBounds, quantile, value: limit * share });
    return sides({
      over: at(1.05),
      under: at(0.95),
      labels: { job: "api", kind: "pool", name: "database" },
      forMinutes,
    });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.snowshedWaitSeconds,
    unit: "s",
  },
});
