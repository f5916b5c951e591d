import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 5;
const value = ratioOf("redis_memory_used_bytes", "redis_memory_max_bytes");

export const redisMemoryHigh: Alert = defineAlert({
  meta: {
    id: "redis/memory-high",
    alert: "RedisMemoryHigh",
    exporter: "redis",
    origin: "article",
    title: "Redis has used up its reserve of memory",
    rationale:
      "A quarter stays free: beyond it evictions, fragmentation and copy-on-write come together. Instances without maxmemory are left out; RedisMaxmemoryUnset is about them.",
    sources: ["the article, chapter 5", "https://github.com/samber/awesome-prometheus-alerts/issues/410"],
    fix: "Raise maxmemory, add a shard, or shorten the time to live of keys.",
    mandatory: "redis-memory",
  },
  expr: (variables) => `${value} > ${variables.redisMemoryRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Redis {{ $labels.instance }}: more of maxmemory is used than the limit" },
  series: ({ redisMemoryRatio: limit }) => {
    const whole = steady("redis_memory_max_bytes", labels, 1e9);
    const used = (share: number) => [steady("redis_memory_used_bytes", labels, 1e9 * limit * share), whole];
    return [
      ...sides({ over: used(1.005), under: used(0.95), labels, forMinutes }),
      {
        name: "no limit is set",
        input: [steady("redis_memory_used_bytes", labels, 1000), steady("redis_memory_max_bytes", labels, 0)],
        atMinute: forMinutes + settled,
        fires: [],
      },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.redisMemoryRatio,
    unit: "percentunit",
  },
});
