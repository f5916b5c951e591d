import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "api", instance: "api-1:9464", kind: "pool", name: "database" };
const forMinutes = 10;
const value = ratioOf("snowshed_resource_held", "snowshed_resource_capacity");

export const snowshedResourceFull: Alert = defineAlert({
  meta: {
    id: "snowshed/resource-full",
    alert: "SnowshedResourceFull",
    exporter: "snowshed",
    origin: "vendor",
    title: "A resource is full, and somebody waits for it",
    rationale: "Held to the limit alone is good use; with callers in the queue for ten minutes it is too small.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Raise its capacity, or hold it for a shorter time.",
  },
  expr: (variables) => `${value} > ${variables.snowshedHeldRatio} and snowshed_resource_pending > 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: {
    summary: "{{ $labels.job }} {{ $labels.instance }}: {{ $labels.kind }} {{ $labels.name }} is full and has a queue",
  },
  series: ({ snowshedHeldRatio: limit }) => {
    const used = (share: number, pending: number) => [
      steady("snowshed_resource_held", labels, 1000 * limit * share),
      steady("snowshed_resource_capacity", labels, 1000),
      steady("snowshed_resource_pending", labels, pending),
    ];
    return [
      ...sides({ over: used(1.005, 1), under: used(0.95, 1), labels, forMinutes }),
      { name: "nobody waits", input: used(1.005, 0), atMinute: forMinutes + settled, fires: [] },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.snowshedHeldRatio,
    unit: "percentunit",
  },
});
