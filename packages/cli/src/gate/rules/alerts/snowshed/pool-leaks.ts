import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { once, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_pool_leaks_total";
const labels = { job: "api", instance: "api-1:9464", name: "database" };
const value = `increase(${metric}[1h])`;

export const snowshedPoolLeaks: Alert = defineAlert({
  meta: {
    id: "snowshed/pool-leaks",
    alert: "SnowshedPoolLeaks",
    exporter: "snowshed",
    origin: "vendor",
    title: "Somebody does not give back what a pool lent",
    rationale: "A pool that shrinks by one each time is empty in the end.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Use run() of the pool, which gives back whatever happens.",
  },
  expr: () => `${value} > 0`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: {
    summary: "{{ $labels.job }} {{ $labels.instance }}: resources of the pool {{ $labels.name }} are not given back",
  },
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
