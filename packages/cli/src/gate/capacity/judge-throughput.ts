import type { Estimate, JudgeOptions, Judgement, Onset } from "./judgement.ts";
import { agreeing, differing, lacks, rounded } from "./judgement.ts";
import { risingThenFalling } from "./isotonic.ts";
import { kneedle } from "./kneedle.ts";
import { latencyOnset } from "./latency-onset.ts";
import type { Point } from "./measurement.ts";
import { median, medianError } from "./statistics.ts";
import type { UslModel } from "./usl.ts";
import { fitUsl, uslThroughput } from "./usl.ts";

/** A curve that bends less is a line. */
const leastBend = 0.15;
/** A model that explains less of the throughput is none of it. */
const leastExplained = 0.9;
/** The same load, measured again, spread wider than this: what is between the loads cannot be told. */
const mostNoise = 0.2;
/** At a knee beyond which throughput still grows by more than 1/0.7, the ramp has not come to the end of it. */
const leastSaturation = 0.7;
/** Of the most, at the lowest load: the ramp begins beyond the knee. */
const mostAtFirst = 0.9;
/** Errors that come with a load. */
const mostErrors = 0.01;

/** The capacity of a server by its throughput. Never a number that two methods do not agree on. */
export function judgeThroughput(points: readonly Point[], options: JudgeOptions): Judgement {
  const { methods, minAgreement, tolerance, headroom } = options;
  const values = points.map(({ throughput }) => throughput);
  const smooth = risingThenFalling(values);
  const most = Math.max(0, ...smooth);
  const range = most - Math.min(most, ...smooth);
  const noise = points.length === 0 ? 0 : median(points.map((each) => relative(each)));
  const error =
    points.length === 0 ? 0 : median(points.map((each) => medianError(each.throughputSpread, each.repetitions)));

  const reasons = lacks(points, options);
  const remarks: string[] = [];
  if (noise > mostNoise) {
    reasons.push(
      `the same load differs by ${percent(noise)} from one repetition to the next: ${percent(mostNoise)} at most`,
    );
  }
  const isFlat = range <= 4 * error;
  if (isFlat) reasons.push("throughput does not depend on the load by more than it is spread");

  const model = isFlat ? undefined : fitUsl(points);
  const bendNeeded = Math.max(leastBend, range > 0 ? (3 * error) / range : 0);
  const found: Partial<Record<string, Estimate | string>> = {
    kneedle: byKneedle(points, smooth, bendNeeded),
    usl: byUsl(points, model),
    threshold: byLatency(points, smooth),
  };
  const estimates = methods.flatMap((method) => {
    const answer = found[method]!;
    if (typeof answer === "object") return answer;
    (isFlat ? remarks : reasons).push(answer);
    return [];
  });
  const agreed = agreeing(estimates, tolerance);
  if (agreed.length < minAgreement && estimates.length >= minAgreement) {
    reasons.push(`the methods do not agree within ${percent(tolerance)}: ${differing(estimates, "per second")}`);
  } else if (agreed.length < minAgreement && estimates.length > 0) {
    remarks.push(`only ${differing(estimates, "per second")}, where ${minAgreement} methods have to agree`);
  }
  const knee = agreed[0]?.value ?? 0;
  if (agreed.length > 0 && knee < leastSaturation * most) {
    reasons.push(`beyond ${rounded(knee)} per second throughput still grows, to ${rounded(most)}: raise ramp.to`);
  }
  if (!isFlat && smooth[0]! >= mostAtFirst * most) {
    reasons.push("throughput is highest at the lowest load: lower ramp.from");
  }
  const onsets = errorOnset(points, smooth);
  if (onsets[0]?.value === 0) reasons.push("the lowest load has errors already");
  if (agreed.length < minAgreement && reasons.length === 0) reasons.push("no method found a knee");

  const isFound = reasons.length === 0;
  const capacity = Math.min(knee, ...onsets.map(({ value }) => value));
  return {
    verdict: isFound ? "found" : "inconclusive",
    unit: "per second",
    capacity: isFound ? capacity : null,
    safe: isFound ? capacity * (1 - headroom) : null,
    headroom,
    limit: isFound ? (capacity < knee ? "errors" : "knee") : null,
    estimates,
    onsets,
    reasons,
    remarks,
    noise,
    smooth,
    model: model ?? null,
  };
}

function byKneedle(points: readonly Point[], smooth: readonly number[], bendNeeded: number): Estimate | string {
  const curve = points.map(({ load }, index) => ({ x: load, y: smooth[index]! }));
  const knee = kneedle(curve, "rising");
  if (knee === undefined || knee.bend < bendNeeded) {
    const bend = (knee?.bend ?? 0).toFixed(2);
    return `kneedle: no bend that is more than noise (bend ${bend}, ${bendNeeded.toFixed(2)} needed)`;
  }
  return { method: "kneedle", load: knee.x, value: knee.y };
}

/** The knee of the model in the range that was measured: nothing is extrapolated. */
function byUsl(points: readonly Point[], model: UslModel | undefined): Estimate | string {
  if (model === undefined)
    return "usl: no fit, with coefficients that have a meaning (contention and coherence of at least 0)";
  if (model.explained < leastExplained) {
    return `usl: the model explains ${percent(model.explained)} of the throughput, ${percent(leastExplained)} needed`;
  }
  const concurrencies = points.map(({ concurrency }) => concurrency);
  const [least, most] = [Math.min(...concurrencies), Math.max(...concurrencies)];
  const curve = Array.from({ length: 201 }, (_, index) => {
    const x = least + ((most - least) * index) / 200;
    return { x, y: uslThroughput(model, x) };
  });
  const knee = kneedle(curve, "rising");
  if (knee === undefined || knee.bend < leastBend) return "usl: in the range that was measured the model is a line";
  return { method: "usl", load: knee.x, value: knee.y };
}

/** The throughput of the last load before latency rises for good. */
function byLatency(points: readonly Point[], smooth: readonly number[]): Estimate | string {
  const onset = latencyOnset(points);
  if (onset === undefined) return "threshold: latency does not come to twice what it is at the lowest loads";
  const before = Math.max(0, onset - 1);
  return { method: "threshold", load: points[before]!.load, value: smooth[before]! };
}

function errorOnset(points: readonly Point[], smooth: readonly number[]): Onset[] {
  const first = points.findIndex(({ errors }) => errors > mostErrors);
  return first === -1 ? [] : [{ kind: "errors", value: Math.max(0, ...smooth.slice(0, first)) }];
}

function relative({ throughput, throughputSpread }: Point): number {
  return throughput > 0 ? throughputSpread / throughput : 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
