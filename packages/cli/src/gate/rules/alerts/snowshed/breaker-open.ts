import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_breaker_state";
const labels = { job: "api", instance: "api-1:9464", name: "bills", state: "open" };
const forMinutes = 5;
const value = `sum by (job, instance, name) (${metric}{state="open"})`;

export const snowshedBreakerOpen: Alert = defineAlert({
  meta: {
    id: "snowshed/breaker-open",
    alert: "SnowshedBreakerOpen",
    exporter: "snowshed",
    origin: "vendor",
    title: "A circuit breaker stays open",
    rationale: "Calls through it fail at once: what is behind has been down for minutes.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "See what is behind the breaker of this name.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: the breaker {{ $labels.name }} is open" },
  series: () =>
    sides({
      over: [steady(metric, labels, 1)],
      under: [steady(metric, labels, 0)],
      labels: { job: "api", instance: "api-1:9464", name: "bills" },
      forMinutes,
    }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
