import { stringify } from "yaml";
import type { CapacityResult } from "./capacity-result.ts";

interface Threshold {
  readonly alert: string;
  readonly expr: string;
  readonly summary: string;
}

/**
 * A group for Prometheus that fires when what is safe is exceeded; undefined without a capacity. What it is compared with
 * is what redis_exporter and OpenTelemetry's HTTP instrumentation export.
 */
export function alertFragment({ name, target, driver, judgement }: CapacityResult): string | undefined {
  const { safe, capacity, unit, headroom } = judgement;
  if (safe === null || capacity === null) return undefined;
  const { alert, expr, summary } = unit === "percent" ? memory(safe) : throughput(safe, driver, target);
  const rule = {
    alert,
    expr,
    for: "10m",
    labels: { severity: "warning", capacity: name },
    annotations: {
      summary,
      description: `Measured: capacity ${round(capacity)} ${unit}, less ${round(headroom * 100)} % that stays free.`,
    },
  };
  const variable = unit === "percent" ? `# In snowshed.yaml: alerts.vars.redisMemoryRatio: ${ratio(safe)}\n` : "";
  const head = `# Written by \`snowshed gate capacity\`, measured on ${target ?? "points from elsewhere"}.\n`;
  return (
    head + variable + stringify({ groups: [{ name: `snowshed-capacity-${name}`, rules: [rule] }] }, { lineWidth: 0 })
  );
}

function memory(safe: number): Threshold {
  return {
    alert: "RedisMemoryAboveCapacity",
    // Without maxmemory the share is infinite, and the rule would fire for ever.
    expr: `redis_memory_used_bytes / (redis_memory_max_bytes > 0) > ${ratio(safe)}`,
    summary: "Redis {{ $labels.instance }}: more of maxmemory is used than was measured to be safe",
  };
}

function throughput(safe: number, driver: string, target: string | null): Threshold {
  const isRedis = driver === "redis-benchmark" || target?.startsWith("redis") === true;
  const metric = isRedis ? "redis_commands_processed_total" : "http_server_request_duration_seconds_count";
  return {
    alert: "LoadAboveCapacity",
    expr: `sum by (job, instance) (rate(${metric}[5m])) > ${Math.floor(safe * 100) / 100}`,
    summary: "{{ $labels.instance }}: more is asked of it than was measured to be safe",
  };
}

/** Never up: the threshold is not above what is safe. */
function ratio(percent: number): number {
  return Math.floor(percent * 10 + 1e-6) / 1000;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
