import type { LimitBounds } from "./bounds.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
export interface GradientOptions extends LimitBounds {
    readonly initial?: number | undefined;
}
export declare function gradient(options?: GradientOptions): LimitAlgorithm;
