import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";
import type { AlertVariables } from "../../../alerts/variables.ts";

const metric = "node_sockstat_TCP_tw";
const labels = { job: "node", instance: "host-1:9100" };
const forMinutes = 10;

const value = (variables: AlertVariables): string => `${metric} / ${variables.linuxLocalPorts}`;

export const linuxTimeWaitShare: Alert = defineAlert({
  meta: {
    id: "linux/time-wait-share",
    alert: "HostTimeWaitHigh",
    exporter: "linux",
    origin: "vendor",
    title: "Connections that are over take up the local ports",
    rationale:
      "Each holds its port for a minute after its end; a client that opens one for each call runs out of ports.",
    sources: ["the article, chapter 5", "https://docs.kernel.org/networking/ip-sysctl.html"],
    fix: "Keep connections open and pool them, before any sysctl is changed.",
  },
  expr: (variables) => `${value(variables)} > ${variables.linuxTimeWaitRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.instance }}: most local ports are in TIME_WAIT" },
  series: ({ linuxTimeWaitRatio: limit, linuxLocalPorts: ports }) => {
    const [over, under] = [1.05, 0.95].map((share) => [steady(metric, labels, ports * limit * share)]);
    return sides({ over: over!, under: under!, labels, forMinutes });
  },
  panel: {
    expr: value,
    limit: (variables) => variables.linuxTimeWaitRatio,
    unit: "percentunit",
  },
});
