import type { JudgeOptions } from "../../../src/gate/capacity/judgement.ts";
import type { Measurement } from "../../../src/gate/capacity/measurement.ts";
import { random } from "../../../src/gate/capacity/drivers/schedule.ts";

export const throughputJudging: JudgeOptions = {
  methods: ["kneedle", "usl"],
  minAgreement: 2,
  tolerance: 0.2,
  headroom: 0.25,
  minRepetitions: 5,
  disturbances: [],
};

export const memoryJudging: JudgeOptions = { ...throughputJudging, methods: ["kneedle", "threshold"] };

export const unknown: Omit<Measurement, "load" | "repetition" | "throughput" | "concurrency"> = {
  p50: null,
  p99: null,
  deviation: null,
  errors: 0,
  lag: null,
  used: null,
  evictedAt: null,
  refusedAt: null,
  invalid: null,
  calibration: null,
};

/** Normally distributed, the same for the same seed (Box and Muller). */
function normal(seed: number): () => number {
  const next = random(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Five measurements of each load, `noise` apart (relative, one standard deviation). */
export function measured(
  loads: readonly number[],
  truth: (load: number) => number,
  noise: number,
  seed: number,
  more: (load: number, draw: () => number) => Partial<Measurement> = () => ({}),
): Measurement[] {
  const draw = normal(seed);
  return loads.flatMap((load) =>
    [1, 2, 3, 4, 5].map((repetition) => {
      const throughput = Math.max(0.01, truth(load) * (1 + noise * draw()));
      return Object.assign({}, unknown, { load, repetition, throughput, concurrency: load }, more(load, draw));
    }),
  );
}

export function usl(gamma: number, sigma: number, kappa: number): (n: number) => number {
  return (n) => (gamma * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
}
