/** What is measured, said once for all adapters. */
export interface Metric {
  /** As OpenTelemetry writes it: `snowshed.tasks.live`. */
  readonly name: string;
  /** A counter only grows; a gauge is what is so now. */
  readonly type: "counter" | "gauge" | "histogram";
  /** In UCUM, as OpenTelemetry writes it: `s`, `{task}`. */
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly MetricLabel[];
  /** What becomes of the values of several objects of one name. */
  readonly merge: "sum" | "max";
}

export type MetricLabel = "group" | "kind" | "name" | "outcome" | "reason" | "state";

/** All there is of one metric now. */
export interface MetricFamily {
  readonly metric: Metric;
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** In the order of `metric.labels`. */
  readonly labels: Readonly<Partial<Record<MetricLabel, string>>>;
  /** Never NaN. Of a histogram: the sum. */
  readonly value: number;
  /** Of a histogram. */
  readonly histogram?: HistogramCounts | undefined;
}

export interface HistogramCounts {
  /** Upper bounds, in the metric's unit; the last one, which has none, is left out. */
  readonly bounds: readonly number[];
  /** How many were at most each bound, and above the one before; one more at the end for those above all. */
  readonly counts: readonly number[];
}
