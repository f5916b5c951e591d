import { expect } from "vitest";
import type { Metrics } from "snowshed/prometheus";

/** All values, by metric and labels: `limiter.limit search`. Of a histogram: how many. */
export function valuesOf(metrics: Metrics): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { metric, samples } of metrics.collect()) {
    for (const { labels, value, histogram } of samples) {
      const parts = [metric.name.replace("snowshed.", ""), ...metric.labels.map((label) => labels[label])];
      const key = parts.join(" ");
      expect(values[key]).toBeUndefined();
      values[key] = histogram === undefined ? value : histogram.counts.reduce((sum, count) => sum + count, 0);
    }
  }
  return values;
}
