import { median, quantile, spread } from "./statistics.ts";

/** What a driver measured at one load. Times in milliseconds, shares in [0, 1]. */
export interface Sample {
  /** Answered without an error, per second. */
  readonly throughput: number;
  /** How many were under way at once, on average: what the drivers with clients were told, else by Little's law. */
  readonly concurrency: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** Standard deviation of the latency. */
  readonly deviation: number | null;
  /** Share of what was asked for. */
  readonly errors: number;
  /** How late the generator itself was, 99th percentile; null: it has no schedule. */
  readonly lag: number | null;
  /** Memory in use, percent of maxmemory. */
  readonly used: number | null;
  /** The percentage at which the first key was evicted, or the first write refused; null: none was. */
  readonly evictedAt: number | null;
  readonly refusedAt: number | null;
  /** Why it does not count; null: it does. */
  readonly invalid: string | null;
}

export interface Measurement extends Sample {
  readonly load: number;
  /** From 1. */
  readonly repetition: number;
  /** A loop of fixed work, measured right before, while nothing else of ours ran. */
  readonly calibration: number | null;
}

/** The measurements of one load that count: medians, and how far they are spread. */
export interface Point {
  readonly load: number;
  readonly repetitions: number;
  readonly throughput: number;
  readonly throughputSpread: number;
  readonly concurrency: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly p99Spread: number | null;
  /** The lowest of the repetitions, and the upper quartile. */
  readonly p99Least: number | null;
  readonly p99Upper: number | null;
  readonly deviation: number | null;
  readonly errors: number;
  readonly used: number | null;
  readonly evictedAt: number | null;
  readonly refusedAt: number | null;
}

/** By load, the lowest first. */
export function pointsOf(measurements: readonly Measurement[]): Point[] {
  const loads = [...new Set(measurements.map(({ load }) => load))].toSorted((a, b) => a - b);
  return loads.flatMap((load) => {
    const counted = measurements.filter((each) => each.load === load && each.invalid === null);
    if (counted.length === 0) return [];
    const throughput = counted.map((each) => each.throughput);
    return {
      load,
      repetitions: counted.length,
      throughput: median(throughput),
      throughputSpread: spread(throughput),
      concurrency: median(counted.map((each) => each.concurrency)),
      p50: known(counted, ({ p50 }) => p50),
      p99: known(counted, ({ p99 }) => p99),
      p99Spread: known(counted, ({ p99 }) => p99, spread),
      p99Least: known(counted, ({ p99 }) => p99, least),
      p99Upper: known(counted, ({ p99 }) => p99, upperQuartile),
      deviation: known(counted, ({ deviation }) => deviation),
      errors: median(counted.map((each) => each.errors)),
      used: known(counted, ({ used }) => used),
      evictedAt: known(counted, ({ evictedAt }) => evictedAt),
      refusedAt: known(counted, ({ refusedAt }) => refusedAt),
    };
  });
}

/** Null unless most of the measurements know it: one of five is no onset. */
function known(
  measurements: readonly Measurement[],
  read: (one: Measurement) => number | null,
  combine: (values: readonly number[]) => number = median,
): number | null {
  const values = measurements.map(read).filter((value) => value !== null);
  return values.length * 2 > measurements.length ? combine(values) : null;
}

function least(values: readonly number[]): number {
  return Math.min(...values);
}

function upperQuartile(values: readonly number[]): number {
  return quantile(values, 0.75);
}
