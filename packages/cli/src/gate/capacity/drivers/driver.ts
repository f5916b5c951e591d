import type { CapacityDriver } from "../../config/capacity-section.ts";
import type { Sample } from "../measurement.ts";

/** Puts load on a target, one step at a time. */
export interface Driver {
  /** Of the loads, such as "clients". */
  readonly unit: string;
  /** `climbing`: the state of one step is what the next begins with, so the order cannot be shuffled. */
  readonly order: "shuffled" | "climbing";
  /** Whether what it needs is there. @throws CapacityFailure */
  open(signal: AbortSignal): Promise<void>;
  startRepetition?(signal: AbortSignal): Promise<void>;
  /** @throws CapacityFailure when the target is gone; what `signal` says when it aborts. */
  measure(load: number, signal: AbortSignal): Promise<Sample>;
  /** Removes what it made. */
  close(): Promise<void>;
}

export interface DriverOptions {
  readonly driver: CapacityDriver;
  readonly url: URL;
  readonly stepSeconds: number;
  readonly valueBytes: number | undefined;
  readonly confirm: boolean;
  readonly seed: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where programs are looked for in node_modules, upwards. */
  readonly folder: string;
}

export const emptySample: Omit<Sample, "throughput" | "concurrency"> = {
  p50: null,
  p99: null,
  deviation: null,
  errors: 0,
  lag: null,
  used: null,
  evictedAt: null,
  refusedAt: null,
  invalid: null,
};

export function invalidSample(load: number, invalid: string): Sample {
  return { ...emptySample, throughput: 0, concurrency: load, invalid };
}
