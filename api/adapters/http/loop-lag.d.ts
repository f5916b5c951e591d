import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
export interface LoopLagOptions {
    readonly target?: Duration | undefined;
    readonly interval?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export declare class LoopLag {
    #private;
    static readonly shared: LoopLag;
    constructor(options?: LoopLagOptions);
    get lag(): number;
    get isOver(): boolean;
}
