import type { AlertCase, FixtureSeries, Labels } from "./alert.ts";

/** How many samples after the first: enough for any `for` and any window used here, and for most of a user's own. */
const samples = 240;

/** Minutes beside `for`, until a window of five is full. */
export const settled = 6;

/** `name{label="value"}` as promtool reads it. */
function seriesName(metric: string, labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `${metric}{${pairs.join(",")}}`;
}

/** The same value all the time. */
export function steady(metric: string, labels: Labels, value: number): FixtureSeries {
  return { series: seriesName(metric, labels), values: `${text(value)}+0x${samples}` };
}

/** A counter that grows by the same each minute. */
export function growing(metric: string, labels: Labels, perMinute: number): FixtureSeries {
  return { series: seriesName(metric, labels), values: `0+${text(perMinute)}x${samples}` };
}

/** A counter that goes up by one, once, after some minutes. */
export function once(metric: string, labels: Labels, minute: number): FixtureSeries {
  return { series: seriesName(metric, labels), values: `0+0x${minute - 1} 1+0x${samples - minute}` };
}

export interface HistogramShape {
  readonly bounds: readonly number[];
  readonly quantile: number;
  /** What `histogram_quantile()` shall answer; beyond the last bound, which it never does, the nearest to that. */
  readonly value: number;
}

/**
 * The buckets of a histogram one of whose quantiles is `value`. Prometheus takes it that observations are spread evenly
 * over a bucket, so a share of them below the bucket of `value` puts the quantile anywhere in it.
 */
export function histogram(metric: string, labels: Labels, shape: HistogramShape): FixtureSeries[] {
  const { bounds, quantile } = shape;
  const value = Math.min(shape.value, bounds.at(-1)! * 0.999);
  const perMinute = 100_000;
  const upper = bounds.findIndex((bound) => value < bound);
  const below = upper === 0 ? 0 : bounds[upper - 1]!;
  // Of the width of its bucket; the quantile cannot be nearer to the upper bound than the share above it.
  const part = Math.min((value - below) / (bounds[upper]! - below), quantile - 0.001);
  const share = Math.max(0, (quantile - part) / (1 - part));
  const series = bounds.map((bound, index) => {
    const count = index >= upper ? perMinute : index === upper - 1 ? share * perMinute : 0;
    return growing(`${metric}_bucket`, { ...labels, le: String(bound) }, count);
  });
  const all = growing(`${metric}_bucket`, { ...labels, le: "+Inf" }, perMinute);
  return [...series, all, growing(`${metric}_count`, labels, perMinute)];
}

interface Sides {
  readonly over: readonly FixtureSeries[];
  readonly under: readonly FixtureSeries[];
  readonly labels: Labels;
  readonly forMinutes: number;
}

/** The three cases of a limit: beyond it for long enough, beyond it but not yet for long enough, and within it. */
export function sides({ over, under, labels, forMinutes }: Sides): AlertCase[] {
  const late = forMinutes + settled;
  const cases: AlertCase[] = [
    { name: "beyond the limit", input: over, atMinute: late, fires: [labels] },
    { name: "within the limit", input: under, atMinute: late, fires: [] },
  ];
  if (forMinutes > 0) {
    cases.push({ name: "not for long enough", input: over, atMinute: forMinutes - 1, fires: [] });
  }
  return cases;
}

/** No exponents: promtool's notation for series has none for the step. */
function text(value: number): string {
  return Number(value.toFixed(6)).toString();
}

/** The cases of an alert that fires when a series is not there. */
export function absence(metric: string, labels: Labels, forMinutes: number): AlertCase[] {
  const present = steady(metric, labels, 1);
  return [
    { name: "there is none", input: [], atMinute: forMinutes + settled, fires: [{}] },
    { name: "there is one", input: [present], atMinute: forMinutes + settled, fires: [] },
    { name: "not for long enough", input: [], atMinute: forMinutes - 1, fires: [] },
  ];
}
