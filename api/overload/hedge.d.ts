import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Classify } from "./classify.ts";
import type { RetryBudget } from "./retry-budget.ts";
export interface HedgeOptions {
    readonly delay: Duration;
    readonly attempts?: number | undefined;
    readonly budget?: RetryBudget | undefined;
    readonly classify?: Classify | undefined;
    readonly signal?: AbortSignal | Context | undefined;
    readonly clock?: Clock | undefined;
}
export declare function hedge<T>(task: (context: Context, attempt: number) => T | PromiseLike<T>, options: HedgeOptions): Promise<T>;
