import type { Duration } from "../../duration.ts";
import type { LimitBounds } from "./bounds.ts";
import type { LimitAlgorithm } from "./limit-algorithm.ts";
export interface AimdOptions extends LimitBounds {
    readonly backoff?: number | undefined;
    readonly timeout?: Duration | undefined;
}
export declare function aimd(options?: AimdOptions): LimitAlgorithm;
