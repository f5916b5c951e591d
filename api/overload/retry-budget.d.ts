import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
export interface RetryBudgetOptions {
    readonly ratio?: number | undefined;
    readonly window?: Duration | undefined;
    readonly minimumPerSecond?: number | undefined;
    readonly clock?: Clock | undefined;
}
export declare class RetryBudget {
    #private;
    readonly ratio: number;
    constructor(options?: RetryBudgetOptions);
    get balance(): number;
    deposit(): void;
    tryWithdraw(): boolean;
}
