import type { HistogramCounts, Metric, MetricFamily, MetricLabel, MetricSample } from "./metric.ts";
import { allMetrics } from "./descriptions.ts";

/** A value of a metric, with its labels in the order of `metric.labels`. */
interface Entry {
  readonly labels: readonly string[];
  value: number;
  histogram?: HistogramCounts;
}

type Entries = Map<string, Entry>;

/** Values by metric and labels; those of equal labels become one. @internal */
export class Sheet {
  readonly #entries = new Map<Metric, Entries>();

  /** Adds `value` to what is there, or keeps the larger one, as the metric says. */
  put(metric: Metric, labels: readonly string[], value: number): void {
    const entry = this.#entry(metric, labels);
    entry.value = metric.merge === "sum" ? entry.value + value : Math.max(entry.value, value);
  }

  putHistogram(metric: Metric, labels: readonly string[], sum: number, histogram: HistogramCounts): void {
    const entry = this.#entry(metric, labels);
    entry.value = sum;
    entry.histogram = histogram;
  }

  /** What is here and in `other`, in the order of the descriptions; without metrics that have no value. */
  families(other: Sheet): MetricFamily[] {
    return allMetrics.flatMap((metric) => {
      const samples = [this, other].flatMap((sheet) =>
        Array.from(sheet.#entries.get(metric)?.values() ?? [], (entry) => sampleOf(metric, entry)),
      );
      return samples.length === 0 ? [] : [{ metric, samples }];
    });
  }

  #entry(metric: Metric, labels: readonly string[]): Entry {
    let entries = this.#entries.get(metric);
    if (entries === undefined) this.#entries.set(metric, (entries = new Map()));
    // Not joined by a character that a name might have.
    const key = JSON.stringify(labels);
    let entry = entries.get(key);
    if (entry === undefined) entries.set(key, (entry = { labels, value: 0 }));
    return entry;
  }
}

function sampleOf(metric: Metric, { labels, value, histogram }: Entry): MetricSample {
  const named: Partial<Record<MetricLabel, string>> = {};
  metric.labels.forEach((label, index) => {
    named[label] = labels[index]!;
  });
  return histogram === undefined ? { labels: named, value } : { labels: named, value, histogram };
}
