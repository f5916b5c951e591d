import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 0;
const value = "redis_memory_used_bytes / redis_memory_max_bytes";

export const redisArticleMemory: Alert = defineAlert({
  meta: {
    id: "redis/article-memory",
    alert: "RedisMemoryArticle",
    exporter: "redis",
    origin: "article",
    title: "The article's rule on memory, to the letter",
    rationale:
      "Kept so that the article's text is there to be compared: where maxmemory is not set it fires for ever, since the share is infinite. RedisMemoryHigh leaves those out.",
    sources: ["the article, chapter 5"],
    fix: "Set maxmemory, or rely on RedisMemoryHigh and RedisMaxmemoryUnset.",
    preset: "article",
  },
  expr: (variables) => `(${value}) > ${variables.redisMemoryRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Redis {{ $labels.instance }}: more of maxmemory is used than the limit" },
  series: ({ redisMemoryRatio: limit }) => {
    const max = steady("redis_memory_max_bytes", labels, 1e9);
    const used = (share: number) => [steady("redis_memory_used_bytes", labels, 1e9 * limit * share), max];
    return [
      ...sides({ over: used(1.05), under: used(0.95), labels, forMinutes }),
      {
        name: "without maxmemory it fires whatever is used",
        input: [steady("redis_memory_used_bytes", labels, 1000), steady("redis_memory_max_bytes", labels, 0)],
        atMinute: 10,
        fires: [labels],
      },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.redisMemoryRatio,
    unit: "percentunit",
  },
});
