import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const metric = "snowshed_rejections_total";
const labels = { job: "api", instance: "api-1:9464", kind: "limiter", name: "search", reason: "limit" };
const forMinutes = 10;
const value = `sum by (job, kind, name) (rate(${metric}[5m]))`;

export const snowshedShedding: Alert = defineAlert({
  meta: {
    id: "snowshed/shedding",
    alert: "SnowshedShedding",
    exporter: "snowshed",
    origin: "vendor",
    title: "Calls are refused for long",
    rationale: "Shedding keeps the rest alive; for ten minutes it means too little capacity, or too small a limit.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "See reason in snowshed_rejections_total; add capacity, or fix what is slow behind.",
  },
  expr: (variables) => `${value} > ${variables.snowshedRejectionsPerSecond}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }}: calls are refused by {{ $labels.kind }} {{ $labels.name }}" },
  series: ({ snowshedRejectionsPerSecond: limit }) =>
    sides({
      over: [growing(metric, labels, limit * 63 + 1)],
      under: [growing(metric, labels, limit * 57)],
      labels: { job: "api", kind: "limiter", name: "search" },
      forMinutes,
    }),
  panel: {
    expr: () => value,
    limit: (variables) => variables.snowshedRejectionsPerSecond,
    unit: "cps",
  },
});
