import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const metric = "node_netstat_TcpExt_ListenOverflows";
const labels = { job: "node", instance: "host-1:9100" };
const forMinutes = 5;
const value = `rate(${metric}[5m])`;

export const linuxListenOverflows: Alert = defineAlert({
  meta: {
    id: "linux/listen-overflows",
    alert: "HostListenOverflows",
    exporter: "linux",
    origin: "vendor",
    title: "Connections do not fit into a listen queue",
    rationale: "The kernel drops connections that a server does not accept in time: clients see them time out.",
    sources: ["https://github.com/prometheus/node_exporter", "the article, chapter 5"],
    fix: "Raise net.core.somaxconn and the backlog of the server together; see why it accepts slowly.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.instance }}: connections are dropped from a full listen queue" },
  series: () => sides({ over: [growing(metric, labels, 1)], under: [growing(metric, labels, 0)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "cps",
  },
});
