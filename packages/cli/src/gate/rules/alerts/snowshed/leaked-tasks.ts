import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { once, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_leaked_tasks_total";
const labels = { job: "api", instance: "api-1:9464" };
const value = `increase(${metric}[1h])`;

export const snowshedLeakedTasks: Alert = defineAlert({
  meta: {
    id: "snowshed/leaked-tasks",
    alert: "SnowshedLeakedTasks",
    exporter: "snowshed",
    origin: "vendor",
    title: "Tasks can never end",
    rationale: "What nobody can settle any more is kept for ever, with all it holds.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Run snowshed tree on the process; the leak checks of the tests find the place.",
  },
  expr: () => `${value} > 0`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: tasks have leaked" },
  series: () => [
    { name: "one more than before", input: [once(metric, labels, 10)], atMinute: 15, fires: [labels] },
    { name: "the same as before", input: [steady(metric, labels, 7)], atMinute: 15, fires: [] },
  ],
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
