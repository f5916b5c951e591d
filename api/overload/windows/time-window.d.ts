import type { Duration } from "../../duration.ts";
import type { OutcomeWindow } from "./outcome-window.ts";
export interface TimeWindowOptions {
    readonly length?: Duration | undefined;
    readonly slices?: number | undefined;
}
export declare class TimeWindow implements OutcomeWindow {
    #private;
    readonly length: number;
    readonly slices: number;
    constructor(options?: TimeWindowOptions);
    record(failed: boolean, at: number): void;
    total(at: number): number;
    failures(at: number): number;
    reset(): void;
}
