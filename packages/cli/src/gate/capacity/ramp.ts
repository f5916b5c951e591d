import type { CapacityConfig } from "../config/capacity-section.ts";
import type { Driver } from "./drivers/driver.ts";
import { random } from "./drivers/schedule.ts";
import type { Measurement } from "./measurement.ts";

export interface Step {
  readonly load: number;
  /** From 1. */
  readonly repetition: number;
}

/** More steps than anybody waits for. */
const mostLoads = 1000;

/** The loads of a ramp, the lowest first. Clients are whole. */
export function loadsOf({ ramp, driver }: Pick<CapacityConfig, "ramp" | "driver">): number[] {
  const isWhole = driver === "redis-benchmark" || driver === "autocannon" || driver === "k6";
  const loads: number[] = [];
  // By multiplication: adding 0.1 ten times is not 1.
  for (let index = 0; index < mostLoads; index++) {
    const load = ramp.from + index * ramp.step;
    if (load > ramp.to + ramp.step * 1e-9) break;
    loads.push(isWhole ? Math.max(1, Math.round(load)) : Number(load.toPrecision(12)));
  }
  return [...new Set(loads)];
}

/**
 * Every load once in each repetition, in an order of its own: what drifts while it is measured, drifts for all loads
 * alike. `climbing`: from the lowest, in each repetition anew.
 */
export function planOf(loads: readonly number[], repetitions: number, order: Driver["order"], seed: number): Step[] {
  const next = random(seed);
  return Array.from({ length: repetitions }, (_, index) => {
    const own = order === "climbing" ? [...loads] : shuffled(loads, next);
    return own.map((load) => ({ load, repetition: index + 1 }));
  }).flat();
}

function shuffled(items: readonly number[], next: () => number): number[] {
  const own = [...items];
  for (let last = own.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1));
    [own[last], own[other]] = [own[other]!, own[last]!];
  }
  return own;
}

export interface RampOptions {
  readonly driver: Driver;
  readonly plan: readonly Step[];
  /** From an earlier run: not measured again, unless they did not count. */
  readonly done: readonly Measurement[];
  readonly signal: AbortSignal;
  readonly calibrate: () => number;
  /** Called with each measurement as soon as it is there, and waited for. */
  readonly keep: (measurement: Measurement) => Promise<void>;
}

/** Measures what is left of the plan. Throws what the signal says when it aborts: what was measured was kept. */
export async function runRamp({ driver, plan, done, signal, calibrate, keep }: RampOptions): Promise<void> {
  const isDone = new Set(done.filter(({ invalid }) => invalid === null).map(keyOf));
  let repetition = 0;
  for (const step of plan) {
    if (isDone.has(keyOf(step))) continue;
    signal.throwIfAborted();
    if (step.repetition !== repetition) await driver.startRepetition?.(signal);
    repetition = step.repetition;
    const calibration = calibrate();
    const sample = await driver.measure(step.load, signal);
    await keep({ ...step, ...sample, calibration });
  }
}

/** Which step of the plan it is. */
export function keyOf({ load, repetition }: Step): string {
  return `${load}/${repetition}`;
}
