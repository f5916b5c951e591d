import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "api", instance: "api-1:9464" };
const forMinutes = 5;
const value = ratioOf("process_open_fds", "process_max_fds");

export const linuxProcessDescriptorsHigh: Alert = defineAlert({
  meta: {
    id: "linux/process-descriptors-high",
    alert: "ProcessDescriptorsHigh",
    exporter: "linux",
    origin: "vendor",
    title: "A process is running out of file descriptors",
    rationale: "The limit of a process is reached long before that of the machine.",
    sources: ["https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics"],
    fix: "Look for a leak; raise LimitNOFILE of the service.",
  },
  expr: (variables) => `${value} > ${variables.linuxDescriptorsRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: {
    summary: "{{ $labels.job }} on {{ $labels.instance }}: most file descriptors of the process are in use",
  },
  series: ({ linuxDescriptorsRatio: limit }) => {
    const whole = steady("process_max_fds", labels, 1e9);
    const used = (share: number) => [steady("process_open_fds", labels, 1e9 * limit * share), whole];
    return [
      ...sides({ over: used(1.005), under: used(0.95), labels, forMinutes }),
      {
        name: "no limit is set",
        input: [steady("process_open_fds", labels, 1000), steady("process_max_fds", labels, 0)],
        atMinute: forMinutes + settled,
        fires: [],
      },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.linuxDescriptorsRatio,
    unit: "percentunit",
  },
});
