import type { OutcomeWindow } from "./outcome-window.ts";
export declare class CountWindow implements OutcomeWindow {
    #private;
    readonly size: number;
    constructor(size: number);
    record(failed: boolean, _at: number): void;
    total(_at: number): number;
    failures(_at: number): number;
    reset(): void;
}
