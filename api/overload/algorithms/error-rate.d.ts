import type { OutcomeWindow } from "../windows/outcome-window.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
export interface ErrorRateOptions {
    readonly preset?: "article" | undefined;
    readonly maximum?: number | undefined;
    readonly minimum?: number | undefined;
    readonly threshold?: number | undefined;
    readonly minimumSamples?: number | undefined;
    readonly window?: OutcomeWindow | undefined;
}
export declare function errorRate(options?: ErrorRateOptions): LimitAlgorithm;
