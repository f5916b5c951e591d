export { Metrics } from "../../metrics/metrics.ts";
export type { MetricsOptions } from "../../metrics/metrics.ts";
export type { HistogramCounts, Metric, MetricFamily, MetricLabel, MetricSample } from "../../metrics/metric.ts";
export { observeMetrics } from "./observe-metrics.ts";
export type { BatchResultLike, HistogramLike, InstrumentOptionsLike, MeterLike } from "./meter-like.ts";
