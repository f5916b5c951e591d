export interface Metric {
    readonly name: string;
    readonly type: "counter" | "gauge" | "histogram";
    readonly unit: string;
    readonly help: string;
    readonly labels: readonly MetricLabel[];
    readonly merge: "sum" | "max";
}
export type MetricLabel = "group" | "kind" | "name" | "outcome" | "reason" | "state";
export interface MetricFamily {
    readonly metric: Metric;
    readonly samples: readonly MetricSample[];
}
export interface MetricSample {
    readonly labels: Readonly<Partial<Record<MetricLabel, string>>>;
    readonly value: number;
    readonly histogram?: HistogramCounts | undefined;
}
export interface HistogramCounts {
    readonly bounds: readonly number[];
    readonly counts: readonly number[];
}
