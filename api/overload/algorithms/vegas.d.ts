import type { LimitBounds } from "./bounds.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
export type VegasOptions = LimitBounds;
export declare function vegas(options?: VegasOptions): LimitAlgorithm;
