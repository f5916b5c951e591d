import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const labels = { job: "node", instance: "host-1:9100" };
const forMinutes = 10;
const value = "rate(node_vmstat_pswpin[5m]) + rate(node_vmstat_pswpout[5m])";

export const linuxSwapping: Alert = defineAlert({
  meta: {
    id: "linux/swapping",
    alert: "HostSwapping",
    exporter: "linux",
    origin: "vendor",
    title: "The machine swaps",
    rationale: "A garbage collection that has to read pages back stops a broker for seconds.",
    sources: ["the article, chapter 5", "https://github.com/prometheus/node_exporter"],
    fix: "Set vm.swappiness to 1 on machines of Kafka, and give them the memory they need.",
  },
  expr: (variables) => `${value} > ${variables.linuxSwapPagesPerSecond}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.instance }}: pages are swapped" },
  series: ({ linuxSwapPagesPerSecond: limit }) => {
    // Half of it in, half of it out: neither alone is beyond the limit.
    const pages = (perMinute: number) => [
      growing("node_vmstat_pswpin", labels, perMinute / 2),
      growing("node_vmstat_pswpout", labels, perMinute / 2),
    ];
    return sides({ over: pages(limit * 63 + 1), under: pages(limit * 57), labels, forMinutes });
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.linuxSwapPagesPerSecond,
    unit: "cps",
  },
});
