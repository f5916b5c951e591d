import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const metric = "node_netstat_TcpExt_ListenDrops";
const labels = { job: "node", instance: "host-1:9100" };
const forMinutes = 5;
const value = `rate(${metric}[5m])`;

export const linuxListenDrops: Alert = defineAlert({
  meta: {
    id: "linux/listen-drops",
    alert: "HostListenDrops",
    exporter: "linux",
    origin: "vendor",
    title: "Connections are dropped while they are set up",
    rationale: "Whatever the reason (a full queue, no memory, no route back), each one is a connect that hangs.",
    sources: ["https://github.com/prometheus/node_exporter"],
    fix: "See HostListenOverflows first, then the memory of sockets.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.instance }}: connections are dropped while they are set up" },
  series: () => sides({ over: [growing(metric, labels, 1)], under: [growing(metric, labels, 0)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "cps",
  },
});
