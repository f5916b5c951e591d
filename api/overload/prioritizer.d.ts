import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { PriorityBand } from "./priority.ts";
export interface PrioritizerOptions {
    readonly shares?: Readonly<Partial<Record<PriorityBand, number>>> | undefined;
    readonly window?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export declare class Prioritizer {
    #private;
    constructor(options?: PrioritizerOptions);
    get cutoff(): number;
}
