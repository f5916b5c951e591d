import type { Snapshot } from "./snapshot-types.ts";
export interface SnapshotOptions {
    readonly limit?: number | undefined;
}
export declare function snapshot(options?: SnapshotOptions): Snapshot;
