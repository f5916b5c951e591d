import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
export declare class DispatchQueue {
    #private;
    static readonly shared: DispatchQueue;
    constructor(options?: {
        readonly slice?: Duration | undefined;
        readonly clock?: Clock | undefined;
    });
    get size(): number;
}
