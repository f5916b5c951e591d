import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
export interface RetryBudgetOptions {
    readonly ratio?: number | undefined;
    readonly window?: Duration | undefined;
    readonly minimumPerSecond?: number | undefined;
    readonly clock?: Clock | undefined;
}
export interface RetryBudgetInspection {
    readonly balance: number;
    readonly withdrawn: number;
    readonly refused: number;
}
export declare class RetryBudget {
    #private;
    readonly ratio: number;
    constructor(options?: RetryBudgetOptions);
    get balance(): number;
    inspect(): RetryBudgetInspection;
    deposit(): void;
    tryWithdraw(): boolean;
}
