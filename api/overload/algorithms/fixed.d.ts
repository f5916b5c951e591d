import type { LimitAlgorithm } from "./limit-algorithm.ts";
export declare function fixed(limit: number): LimitAlgorithm;
