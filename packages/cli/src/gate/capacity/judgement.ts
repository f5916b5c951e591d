import type { KneeMethod } from "../config/knee-methods.ts";
import type { Point } from "./measurement.ts";
import type { UslModel } from "./usl.ts";

/** What one method says. */
export interface Estimate {
  readonly method: KneeMethod;
  /** Where on the ramp. */
  readonly load: number;
  /** The capacity, in the unit of the judgement. */
  readonly value: number;
}

/** What sets in at some point, whether or not the curve bends there. */
export interface Onset {
  readonly kind: "eviction" | "errors";
  readonly value: number;
}

export interface Judgement {
  readonly verdict: "found" | "inconclusive";
  /** Of capacity: answers per second, or percent of maxmemory. */
  readonly unit: "per second" | "percent";
  /** Null unless it was found. */
  readonly capacity: number | null;
  /** The capacity less the headroom. */
  readonly safe: number | null;
  readonly headroom: number;
  /** What set the capacity. */
  readonly limit: "knee" | Onset["kind"] | null;
  readonly estimates: readonly Estimate[];
  readonly onsets: readonly Onset[];
  /** Why it is inconclusive; empty when found. */
  readonly reasons: readonly string[];
  /** What is worth knowing either way. */
  readonly remarks: readonly string[];
  /** Of the same load measured again and again, relative. */
  readonly noise: number;
  /** The curve without its noise, for each point. */
  readonly smooth: readonly number[];
  readonly model: UslModel | null;
}

export interface JudgeOptions {
  readonly methods: readonly KneeMethod[];
  readonly minAgreement: number;
  /** How far two that agree may be apart, as a share of the larger. */
  readonly tolerance: number;
  readonly headroom: number;
  readonly minRepetitions: number;
  /** What is wrong with the machine: each makes the verdict inconclusive. */
  readonly disturbances: readonly string[];
}

/** Fewer loads are no curve. */
export const fewestLoads = 6;

/** What has to be there before any method is asked. */
export function lacks(points: readonly Point[], { minRepetitions, disturbances }: JudgeOptions): string[] {
  const reasons = [...disturbances];
  if (points.length < fewestLoads)
    reasons.push(`${points.length} loads are no curve: at least ${fewestLoads} are needed`);
  const few = points.filter(({ repetitions }) => repetitions < minRepetitions);
  if (few.length > 0) {
    const loads = few.map(({ load }) => load).join(", ");
    reasons.push(`fewer than ${minRepetitions} repetitions that count at load ${loads}`);
  }
  return reasons;
}

/** The largest set of estimates that lie close together; of several, the one with the lowest capacity. */
export function agreeing(estimates: readonly Estimate[], tolerance: number): Estimate[] {
  const sorted = estimates.toSorted((a, b) => a.value - b.value);
  const sets = sorted.map((lowest, index) =>
    sorted.slice(index).filter(({ value }) => value - lowest.value <= tolerance * value),
  );
  return sets.toSorted((a, b) => b.length - a.length)[0] ?? [];
}

export function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Two estimates in words. */
export function differing(estimates: readonly Estimate[], unit: string): string {
  return estimates.map(({ method, value }) => `${method} ${rounded(value)} ${unit}`).join(", ");
}
