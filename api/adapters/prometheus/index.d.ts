export { Metrics } from "../../metrics/metrics.ts";
export type { MetricsOptions } from "../../metrics/metrics.ts";
export type { HistogramCounts, Metric, MetricFamily, MetricLabel, MetricSample } from "../../metrics/metric.ts";
export { exposition } from "./exposition.ts";
export type { Exposition } from "./exposition.ts";
export { collectInto } from "./prom-client.ts";
export type { RegistryLike } from "./prom-client.ts";
