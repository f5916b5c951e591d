import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { once, steady } from "../../../alerts/fixtures.ts";

const metric = "snowshed_file_handles_exhausted_total";
const labels = { job: "api", instance: "api-1:9464", name: "reports" };
const value = `increase(${metric}[15m])`;

export const snowshedDescriptorsExhausted: Alert = defineAlert({
  meta: {
    id: "snowshed/descriptors-exhausted",
    alert: "SnowshedDescriptorsExhausted",
    exporter: "snowshed",
    origin: "vendor",
    title: "A file could not be opened for want of a descriptor",
    rationale: "It was tried again, but sockets of the same process fail as well.",
    sources: ["https://github.com/snowshed/snowshed/blob/main/docs/metrics.md"],
    fix: "Raise LimitNOFILE of the service, or lower the limit of open files.",
  },
  expr: () => `${value} > 0`,
  forMinutes: 0,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.job }} {{ $labels.instance }}: no descriptor was left" },
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
