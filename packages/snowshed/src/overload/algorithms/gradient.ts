import type { LimitBounds } from "./bounds.ts";
import { checkBounds } from "./bounds.ts";
import type { LimitAlgorithm, LimitSample } from "./limit-algorithm.ts";

export interface GradientOptions extends LimitBounds {}

export function gradient(options: GradientOptions = {}): LimitAlgorithm {
  return new Gradient(options);
}

class Gradient implements LimitAlgorithm {
  #limit: number;
  constructor(options: GradientOptions) {
    this.#limit = checkBounds(options).initial;
  }
  get limit(): number {
    return this.#limit;
  }
  sample(_: LimitSample): void {}
}
