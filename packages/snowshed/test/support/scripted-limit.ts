import type { LimitAlgorithm, LimitSample } from "snowshed";

/** A limit in the test's hands: it becomes `next` with the next sample. Keeps copies of all samples. */
export class ScriptedLimit implements LimitAlgorithm {
  limit: number;
  next: number;
  readonly samples: LimitSample[] = [];

  constructor(limit: number) {
    this.limit = limit;
    this.next = limit;
  }

  sample(sample: LimitSample): void {
    this.samples.push({ ...sample });
    this.limit = this.next;
  }
}
