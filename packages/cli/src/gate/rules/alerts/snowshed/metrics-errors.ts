import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { once, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_metrics_errors_total";
const labels = { job: "api", instance: "api-1:9464" };
const value = `increase(${metric}[15m])`;

export const snowshedMetricsErrors: Alert = defineAlert({
  meta: {
    id: "snowshed/metrics-errors",
    alert: "SnowshedMetricsErrors",
    exporter: "snowshed",
    origin: "vendor",
    title: "Metrics of an object could not be read",
    rationale: "Its values are missing, so rules on them are silent.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "See what was added to Metrics.",
  },
  expr: () => `${value} > 0`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: metrics could not be read" },
  series: () => [
    { name: "one more than before", input: [once(metric, labels, 10)], atMinute: 15, fires: [labels] },
    { name: "the same as before", input: [steady(metric, labels, 7)], atMinute: 15, fires: [] },
    { name: "long ago", input: [once(metric, labels, 10)], atMinute: 30, fires: [] },
  ],
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
