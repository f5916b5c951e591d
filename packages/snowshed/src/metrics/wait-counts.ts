import type { HistogramCounts } from "./metric.ts";

/** Upper bounds in seconds: those that clients of Prometheus have by default. @internal */
export const waitBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Waits by how long they took. @internal */
export class WaitCounts implements HistogramCounts {
  readonly bounds: readonly number[] = waitBounds;
  readonly counts: number[] = Array.from({ length: waitBounds.length + 1 }, () => 0);
  /** Seconds. */
  sum = 0;
  isEmpty = true;

  add(seconds: number): void {
    let bucket = 0;
    while (bucket < waitBounds.length && seconds > waitBounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += seconds;
    this.isEmpty = false;
  }
}
