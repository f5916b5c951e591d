import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { absence } from "../../../alerts/fixtures.ts";

const metric = "snowshed_metrics_errors_total";
const forMinutes = 10;

export const snowshedMetricsAbsent: Alert = defineAlert({
  meta: {
    id: "snowshed/metrics-absent",
    alert: "SnowshedMetricsAbsent",
    exporter: "snowshed",
    origin: "measured",
    title: "No process shows metrics of snowshed",
    rationale:
      "A rule on a series that is not there is silent for ever. This one watches that there is something to watch.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#absent"],
    fix: "Serve exposition() of snowshed/prometheus, and scrape it.",
  },
  expr: () => `absent(${metric})`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "No series snowshed_metrics_errors_total: rules on snowshed cannot fire" },
  series: () => absence(metric, { job: "api", instance: "api-1:9464" }, forMinutes),
});
