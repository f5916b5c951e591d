import type { Estimate, JudgeOptions, Judgement, Onset } from "./judgement.ts";
import { agreeing, differing, lacks } from "./judgement.ts";
import { kneedle } from "./kneedle.ts";
import { latencyCurve, latencyOnset } from "./latency-onset.ts";
import type { Point } from "./measurement.ts";
import { median } from "./statistics.ts";

const leastBend = 0.15;
const fewestCalm = 4;
/** Latencies are spread wider than throughput. */
const mostNoise = 0.35;

/**
 * How full a Redis may be: the lowest of the knee of its latency, the first eviction and the first refused write. That
 * latency has no knee is an answer too, if all methods say so; then the onset alone decides.
 */
export function judgeMemory(points: readonly Point[], options: JudgeOptions): Judgement {
  const { methods, minAgreement, tolerance, headroom } = options;
  const reasons = lacks(points, options);
  const remarks: string[] = [];
  const curve = latencyCurve(points);
  if (curve === undefined) reasons.push("there are no latencies");
  const noise = curve?.noise ?? 0;
  if (noise > mostNoise) {
    reasons.push(`the p99 of the same load is spread by ${(noise * 100).toFixed(0)} %: ${mostNoise * 100} % at most`);
  }
  // From the first eviction on, latency is what evicting costs: where that begins is measured, and is no knee.
  const calm = points.filter(({ evictedAt, refusedAt }) => evictedAt === null && refusedAt === null);
  if (calm.length < fewestCalm && points.length > 0) {
    reasons.push(`${calm.length} loads before anything is evicted or refused: at least ${fewestCalm} are needed`);
  }
  const usable = methods.filter((method) => method !== "usl");
  if (usable.length < methods.length) remarks.push("usl is about throughput, and was not asked");
  if (usable.length < minAgreement) {
    reasons.push(`${minAgreement} methods have to agree, and for memory there are ${usable.join(", ") || "none"}`);
  }
  const estimates = usable.flatMap((method) => (method === "kneedle" ? byKneedle(calm) : byThreshold(calm)));
  const agreed = agreeing(estimates, tolerance);
  const isUnbent = estimates.length === 0;
  if (isUnbent) remarks.push("latency has no knee in the range that was measured");
  else if (agreed.length < minAgreement) {
    const others = usable.filter((method) => !estimates.some((each) => each.method === method));
    const silent = others.length === 0 ? "" : `; no knee: ${others.join(", ")}`;
    reasons.push(`the methods do not agree on a knee: ${differing(estimates, "%")}${silent}`);
  }
  if (estimates.some(({ load }) => !isSeparate(calm, load))) {
    reasons.push("latency rises, but not by more than the repetitions differ: it cannot be told from noise");
  }
  const onsets = onsetsOf(points);
  const bounds = [...onsets, ...agreed.slice(0, 1).map(({ value }) => ({ kind: "knee" as const, value }))];
  const [lowest] = bounds.toSorted((a, b) => a.value - b.value);
  if (lowest === undefined && reasons.length === 0) {
    reasons.push(`nothing gave way up to ${Math.max(0, ...points.map(usedOf)).toFixed(0)} %: raise ramp.to to 100`);
  }
  const isFound = reasons.length === 0 && lowest !== undefined;
  return {
    verdict: isFound ? "found" : "inconclusive",
    unit: "percent",
    capacity: isFound ? lowest.value : null,
    safe: isFound ? lowest.value * (1 - headroom) : null,
    headroom,
    limit: isFound ? lowest.kind : null,
    estimates,
    onsets,
    reasons,
    remarks,
    noise,
    smooth: curve?.smooth ?? [],
    model: null,
  };
}

/**
 * Whether those after the knee are above those before it in every repetition: medians of noise bend as well. One load alone
 * may be a coincidence.
 */
function isSeparate(points: readonly Point[], knee: number): boolean {
  const before = points.filter(({ load }) => load <= knee).map(({ p99Upper }) => p99Upper ?? Number.NaN);
  const after = points.filter(({ load }) => load > knee).map(({ p99Least }) => p99Least ?? Number.NaN);
  return after.length >= 2 && median(after) > median(before);
}

function byKneedle(points: readonly Point[]): Estimate[] {
  const curve = latencyCurve(points);
  if (curve === undefined) return [];
  const { smooth, base, error } = curve;
  // Kneedle scales the curve to 1, however little it rises.
  const rise = Math.max(0, ...smooth) - base;
  if (rise < Math.max(base / 2, 4 * error)) return [];
  const knee = kneedle(
    points.map((point, index) => ({ x: usedOf(point), y: smooth[index]! })),
    "convex",
  );
  if (knee === undefined || knee.bend < leastBend) return [];
  return [{ method: "kneedle", load: points[knee.index]!.load, value: knee.x }];
}

/** The last point before latency rises for good. */
function byThreshold(points: readonly Point[]): Estimate[] {
  const onset = latencyOnset(points);
  if (onset === undefined) return [];
  const before = points[Math.max(0, onset - 1)]!;
  return [{ method: "threshold", load: before.load, value: usedOf(before) }];
}

function onsetsOf(points: readonly Point[]): Onset[] {
  const evicted = points.map(({ evictedAt }) => evictedAt).filter((value) => value !== null);
  const refused = points.map(({ refusedAt }) => refusedAt).filter((value) => value !== null);
  return [
    ...(evicted.length > 0 ? [{ kind: "eviction" as const, value: Math.min(100, ...evicted) }] : []),
    ...(refused.length > 0 ? [{ kind: "errors" as const, value: Math.min(100, ...refused) }] : []),
  ];
}

function usedOf({ used, load }: Point): number {
  return used ?? load;
}
