import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { growing, sides } from "../../../alerts/fixtures.ts";

const metric = "redis_evicted_keys_total";
const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 5;
const value = `rate(${metric}[5m])`;

export const redisEvictions: Alert = defineAlert({
  meta: {
    id: "redis/evictions",
    alert: "RedisEvictions",
    exporter: "redis",
    origin: "vendor",
    title: "Redis evicts keys",
    rationale: "Memory has run out: keys are dropped before their time, and finding them makes commands slower.",
    sources: ["https://redis.io/docs/latest/develop/reference/eviction/"],
    fix: "Raise maxmemory or shorten the time to live. Where eviction is what you want, set redisEvictionsPerSecond.",
  },
  expr: (variables) => `${value} > ${variables.redisEvictionsPerSecond}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Redis {{ $labels.instance }}: keys are evicted" },
  series: ({ redisEvictionsPerSecond: limit }) =>
    sides({
      over: [growing(metric, labels, limit * 63 + 1)],
      under: [growing(metric, labels, limit * 57)],
      labels,
      forMinutes,
    }),
  panel: {
    expr: () => value,
    limit: (variables) => variables.redisEvictionsPerSecond,
    unit: "cps",
  },
});
