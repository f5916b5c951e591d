import type { Alert } from "../../../alerts/alert.ts";
import { defineAlert } from "../../../alerts/alert.ts";
import { ratioOf } from "../../../alerts/expressions.ts";
import { settled, sides, steady } from "../../../alerts/fixtures.ts";

const labels = { job: "redis", instance: "redis-1:9121" };
const forMinutes = 5;
const value = ratioOf("redis_connected_clients", "redis_config_maxclients");

export const redisClientsHigh: Alert = defineAlert({
  meta: {
    id: "redis/clients-high",
    alert: "RedisClientsHigh",
    exporter: "redis",
    origin: "vendor",
    title: "Redis is running out of connections",
    rationale: "At maxclients each further connection is refused.",
    sources: ["https://redis.io/docs/latest/develop/reference/clients/"],
    fix: "Share pools between parts of a process; raise maxclients and the limit of descriptors together.",
  },
  expr: (variables) => `${value} > ${variables.redisClientsRatio}`,
  forMinutes,
  labels: { severity: "warning" },
  annotations: { summary: "Redis {{ $labels.instance }}: nearly all of maxclients are connected" },
  series: ({ redisClientsRatio: limit }) => {
    const whole = steady("redis_config_maxclients", labels, 1e9);
    const used = (share: number) => [steady("redis_connected_clients", labels, 1e9 * limit * share), whole];
    return [
      ...sides({ over: used(1.005), under: used(0.95), labels, forMinutes }),
      {
        name: "no limit is set",
        input: [steady("redis_connected_clients", labels, 1000), steady("redis_config_maxclients", labels, 0)],
        atMinute: forMinutes + settled,
        fires: [],
      },
    ];
  },
  panel: {
    expr: () => value,
    limit: (variables) => variables.redisClientsRatio,
    unit: "percentunit",
  },
});
