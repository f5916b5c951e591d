import type { Clock } from "../clock.ts";
import { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { LimitAlgorithm } from "./algorithms/limit-algorithm.ts";
import type { Classify } from "./classify.ts";
import type { LimitPermit } from "./limit-permit.ts";
import type { LimiterInspection } from "./limiter-inspection.ts";
import type { Prioritizer } from "./prioritizer.ts";
import type { Priority } from "./priority.ts";
export interface LimiterOptions {
    readonly algorithm?: LimitAlgorithm | undefined;
    readonly maxQueue?: number | "limit" | undefined;
    readonly queue?: {
        readonly target?: Duration | undefined;
        readonly interval?: Duration | undefined;
    } | undefined;
    readonly prioritizer?: Prioritizer | undefined;
    readonly classify?: Classify | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export interface LimiterAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly maxWait?: Duration | undefined;
    readonly priority?: Priority | undefined;
}
export declare class Limiter {
    #private;
    readonly name: string | undefined;
    constructor(options?: LimiterOptions);
    get limit(): number;
    get inflight(): number;
    get queued(): number;
    get accepted(): number;
    get shed(): number;
    get dropped(): number;
    inspect(): LimiterInspection;
    tryAcquire(options?: Pick<LimiterAcquireOptions, "priority">): LimitPermit | undefined;
    acquire(options?: LimiterAcquireOptions): Promise<LimitPermit>;
    run<T>(task: (context: Context) => T | PromiseLike<T>, options?: LimiterAcquireOptions): Promise<T>;
}
