import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { sides, steady } from "../../../alerts/fixtures.ts";

const metric = "redis_master_link_up";
const labels = { job: "redis", instance: "redis-2:9121", master_host: "redis-1", master_port: "6379" };
const forMinutes = 2;
const value = metric;

export const redisReplicaLinkDown: Alert = defineAlert({
  meta: {
    id: "redis/replica-link-down",
    alert: "RedisReplicaLinkDown",
    exporter: "redis",
    origin: "vendor",
    title: "A replica has lost its master",
    rationale: "WAIT counts replicas that are connected: with one fewer it times out, and a failover loses more.",
    sources: ["https://github.com/oliver006/redis_exporter"],
    fix: "See the logs of both; raise client-output-buffer-limit for replicas if the link breaks while syncing.",
  },
  expr: () => `${value} == 0`,
  forMinutes,
  labels: { severity: "critical" },
  annotations: { summary: "Redis {{ $labels.instance }}: not connected to its master {{ $labels.master_host }}" },
  series: () => sides({ over: [steady(metric, labels, 0)], under: [steady(metric, labels, 1)], labels, forMinutes }),
  panel: {
    expr: () => value,
    limit: () => 0,
    unit: "short",
  },
});
