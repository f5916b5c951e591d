import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const metric = "redis_rejected_connections_total";
const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 0;
const value = `rate(${metric}[5m])`;

export const redisRejectedConnections: Alert = defineAlert({
  meta: {
    id: "redis/rejected-connections",
    alert: "RedisRejectedConnections",
    exporter: "redis",
    origin: "vendor",
    title: "Redis refuses connections",
    rationale: "maxclients has been reached.",
    sources: ["https://redis.io/docs/latest/develop/reference/clients/"],
    fix: "Share pools between parts of a process; raise maxclients and the limit of descriptors together.",
  },
  expr: () => `${value} > 0`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "Redis {{ $labels.instance }}: connections are refused" },
  series: () => sides({ over: [growing(metric, labels, 1)], under: [growing(metric, labels, 0)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "cps",
  },
});
