import type { LimitBounds } from "./bounds.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
export type GradientOptions = LimitBounds;
export declare function gradient(options?: GradientOptions): LimitAlgorithm;
