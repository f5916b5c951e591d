import type { LimitBounds } from "./bounds.ts";
import { checkBounds } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export interface ErrorRateOptions extends LimitBounds {}

export function errorRate(options: ErrorRateOptions = {}): LimitAlgorithm {
  return new ErrorRate(options);
}

class ErrorRate implements LimitAlgorithm {
  readonly limit: number;
  constructor(options: ErrorRateOptions) {
    this.limit = checkBounds(options).initial;
  }
  sample(_: LimitSample): void {}
}
