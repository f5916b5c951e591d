import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "redis_up";
const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 1;
const value = metric;

export const redisDown: Alert = defineAlert({
  meta: {
    id: "redis/down",
    alert: "RedisDown",
    exporter: "redis",
    origin: "vendor",
    title: "Redis does not answer its exporter",
    rationale: "All other rules on Redis are silent while there is nothing to read.",
    sources: ["https://github.com/oliver006/redis_exporter"],
    fix: "See whether the server runs, and whether the exporter may log in.",
  },
  expr: () => `${value} == 0`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "Redis {{ $labels.instance }}: does not answer" },
  series: () => sides({ over: [steady(metric, labels, 0)], under: [steady(metric, labels, 1)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
