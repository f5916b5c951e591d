import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_deadlocks";
const labels = { job: "api", instance: "api-1:9464" };
const forMinutes = 1;
const value = metric;

export const snowshedDeadlocks: Alert = defineAlert({
  meta: {
    id: "snowshed/deadlocks",
    alert: "SnowshedDeadlock",
    exporter: "snowshed",
    origin: "vendor",
    title: "Tasks wait for each other for ever",
    rationale: "A deadlock does not end by itself; what it holds is lost to all others.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Run snowshed deadlocks on the process, then restart it.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: there is a deadlock" },
  series: () => sides({ over: [steady(metric, labels, 1)], under: [steady(metric, labels, 0)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
