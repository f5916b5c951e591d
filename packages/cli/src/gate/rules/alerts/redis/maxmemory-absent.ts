import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { absence } from "../../../alerts/fixtures.ts";

const metric = "redis_memory_max_bytes";
const forMinutes = 10;

export const redisMaxmemoryAbsent: Alert = defineAlert({
  meta: {
    id: "redis/maxmemory-absent",
    alert: "RedisMaxmemoryAbsent",
    exporter: "redis",
    origin: "measured",
    title: "Nothing tells how much memory Redis may use",
    rationale:
      "A rule on a series that is not there is silent for ever. This one watches that there is something to watch.",
    sources: ["https://prometheus.io/docs/prometheus/latest/querying/functions/#absent"],
    fix: "See whether the target is scraped, whether its exporter runs, and whether a relabelling drops the series.",
  },
  expr: () => `absent(${metric})`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "No series redis_memory_max_bytes: rules on the share of memory of Redis cannot fire" },
  series: () => absence(metric, { job: "redis", instance: "redis-1:9121" }, forMinutes),
});
