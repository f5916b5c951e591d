import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "node", instance: "host-1:9100" };
const forMinutes = 5;
const value = ratioOf("node_filefd_allocated", "node_filefd_maximum");

export const linuxDescriptorsHigh: Alert = defineAlert({
  meta: {
    id: "linux/descriptors-high",
    alert: "HostDescriptorsHigh",
    exporter: "linux",
    origin: "vendor",
    title: "The machine is running out of file descriptors",
    rationale: "At fs.file-max every open and every accept on the machine fails; etcd then loses its leadership.",
    sources: ["the article, chapter 5", "https://github.com/prometheus/node_exporter"],
    fix: "Find who holds them; raise fs.file-max.",
  },
  expr: (variables) => `${value} > ${variables.linuxDescriptorsRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "{{ $labels.instance }}: most file descriptors of the machine are in use" },
  series: ({ linuxDescriptorsRatio: limit }) => {
    const whole = steady("node_filefd_maximum", labels, 1e9);
    const used = (share: number) => [steady("node_filefd_allocated", labels, 1e9 * limit * share), whole];
    return [
      ...sides({ over: used(1.005), under: used(0.95), labels, forMinutes }),
      {
        name: "no limit is set",
        input: [steady("node_filefd_allocated", labels, 1000), steady("node_filefd_maximum", labels, 0)],
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
