import type { HistogramCounts, Metric } from "../../metrics/metric.ts";

/** The name by the conventions of Prometheus: with the base unit, and `_total` for what only grows. @internal */
export function metricName({ name, unit, type }: Metric): string {
  const seconds = unit === "s" ? "_seconds" : "";
  return `${name.replaceAll(".", "_")}${seconds}${type === "counter" ? "_total" : ""}`;
}

/** How many were at most each bound, up to `Infinity`. @internal */
export function cumulative({ bounds, counts }: HistogramCounts): { bound: number; count: number }[] {
  let count = 0;
  return counts.map((each, index) => {
    count += each;
    return { bound: bounds[index] ?? Number.POSITIVE_INFINITY, count };
  });
}
