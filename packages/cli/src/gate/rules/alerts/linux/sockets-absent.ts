import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { absence } from "../../../alerts/fixtures.ts";

const metric = "node_sockstat_TCP_tw";
const forMinutes = 10;

export const linuxSocketsAbsent: Alert = defineAlert({
  meta: {
    id: "linux/sockets-absent",
    alert: "HostSocketsAbsent",
    exporter: "linux",
    origin: "measured",
    title: "Nothing tells about the sockets of the machines",
    rationale:
      "A rule on a series that is not there is silent for ever. This one watches that there is something to watch.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#absent"],
    fix: "Run node_exporter with its collectors sockstat, netstat and filefd.",
  },
  expr: () => `absent(${metric})`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "No series node_sockstat_TCP_tw: rules on sockets of machines cannot fire" },
  series: () => absence(metric, { job: "node", instance: "host-1:9100" }, forMinutes),
});
