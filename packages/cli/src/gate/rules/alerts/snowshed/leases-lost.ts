import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { once, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_leases_lost_total";
const labels = { job: "api", instance: "api-1:9464", name: "exports" };
const value = `increase(${metric}[15m])`;

export const snowshedLeasesLost: Alert = defineAlert({
  meta: {
    id: "snowshed/leases-lost",
    alert: "SnowshedLeasesLost",
    exporter: "snowshed",
    origin: "vendor",
    title: "A lease ended under its holder",
    rationale: "While it went on working, another may have got the same permit.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Lengthen the lease; use the fencing token where it writes.",
  },
  expr: () => `${value} > 0`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: leases of {{ $labels.name }} were lost" },
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
