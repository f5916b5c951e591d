import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "redis_memory_max_bytes";
const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 10;
const value = metric;

export const redisMaxmemoryUnset: Alert = defineAlert({
  meta: {
    id: "redis/maxmemory-unset",
    alert: "RedisMaxmemoryUnset",
    exporter: "redis",
    origin: "vendor",
    title: "Redis has no limit of memory",
    rationale: "Without maxmemory there is no share to watch, and the kernel ends the process when memory runs out.",
    sources: [
      "https://redis.io/docs/latest/develop/reference/eviction/",
      "https://github.com/samber/awesome-prometheus-alerts/issues/410",
    ],
    fix: "Set maxmemory and maxmemory-policy.",
  },
  expr: () => `${value} == 0`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Redis {{ $labels.instance }}: maxmemory is not set" },
  series: () =>
    sides({ over: [steady(metric, labels, 0)], under: [steady(metric, labels, 1000000000)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
