import type { Duration } from "../duration.ts";
import type { DeadlockSnapshot } from "./snapshot-types.ts";
export interface FindDeadlocksOptions {
    readonly grace?: Duration | undefined;
}
export interface Deadlock extends DeadlockSnapshot {
    readonly behind: number;
}
export declare function findDeadlocks(options?: FindDeadlocksOptions): Deadlock[];
