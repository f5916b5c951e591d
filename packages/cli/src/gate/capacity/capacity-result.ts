import { mask } from "../mask.ts";
import type { JudgeOptions, Judgement } from "./judgement.ts";
import { judgeMemory } from "./judge-memory.ts";
import { judgeThroughput } from "./judge-throughput.ts";
import type { Measurement, Point } from "./measurement.ts";
import { pointsOf } from "./measurement.ts";

/** What a run, or a fit of points from elsewhere, comes to. */
export interface CapacityResult {
  readonly schema: "snowshed.capacity/1";
  readonly name: string;
  /** `fit`: the points are from elsewhere. */
  readonly driver: string;
  readonly target: string | null;
  /** Of the loads. */
  readonly unit: string;
  readonly judgement: Judgement;
  readonly points: readonly Point[];
  readonly measurements: readonly Measurement[];
}

export function resultOf(run: {
  readonly name: string;
  readonly driver: string;
  readonly target: string | null;
  readonly unit: string;
  readonly measurements: readonly Measurement[];
  readonly judging: JudgeOptions;
}): CapacityResult {
  const { name, driver, target, unit, measurements, judging } = run;
  const points = pointsOf(measurements);
  // Points from elsewhere are of memory when they say how full it was.
  const isMemory = driver === "memory" || (points.length > 0 && points.every(({ used }) => used !== null));
  const judgement = (isMemory ? judgeMemory : judgeThroughput)(points, judging);
  // What a driver or a program said may hold the address it was given.
  return mask({ schema: "snowshed.capacity/1", name, driver, target, unit, judgement, points, measurements });
}
