import type { Profile } from "./profile.ts";
import type { DeadlockSnapshot, ResourceSnapshot, Snapshot, WarningSnapshot } from "./snapshot-types.ts";
export interface WatchFrame {
    readonly time: string;
    readonly totals: Snapshot["totals"];
    readonly profile: Profile;
    readonly resources: readonly ResourceSnapshot[];
    readonly warnings: readonly WarningSnapshot[];
    readonly deadlocks: readonly DeadlockSnapshot[];
    readonly lag: number;
    readonly memory: number;
    readonly pace: number;
    readonly dropped: number;
}
