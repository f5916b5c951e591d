import { rising } from "./isotonic.ts";
import type { Point } from "./measurement.ts";
import { median, medianError } from "./statistics.ts";

export interface LatencyCurve {
  /** The p99 of each point, without its noise. */
  readonly smooth: readonly number[];
  /** At the lowest third of the loads. */
  readonly base: number;
  /** Of a point, one standard deviation. */
  readonly error: number;
  /** Of the same load measured again and again, relative. */
  readonly noise: number;
}

/** Undefined where a point has no latency. */
export function latencyCurve(points: readonly Point[]): LatencyCurve | undefined {
  const p99 = points.map((point) => point.p99).filter((value) => value !== null);
  if (p99.length < points.length || points.length === 0) return undefined;
  const errors = points.map(({ p99Spread, repetitions }) => medianError(p99Spread ?? 0, repetitions));
  return {
    smooth: rising(p99),
    base: median(p99.slice(0, Math.ceil(points.length / 3))),
    error: median(errors),
    noise: median(points.map(({ p99Spread }, index) => (p99[index]! > 0 ? (p99Spread ?? 0) / p99[index]! : 0))),
  };
}

/** Twice what it is at the lowest loads, and more than noise. */
const factor = 2;

/** The first point from which on latency stays above the threshold. */
export function latencyOnset(points: readonly Point[]): number | undefined {
  const curve = latencyCurve(points);
  if (curve === undefined) return undefined;
  const { smooth, base, error } = curve;
  const threshold = Math.max(factor * base, base + 4 * error);
  const index = smooth.findIndex((value) => value > threshold);
  return index === -1 ? undefined : index;
}
