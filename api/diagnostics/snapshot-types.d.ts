import type { ResourceKind } from "../hooks.ts";
export type WarningCode = "SS001" | "SS002" | "SS003" | "SS004" | "SS005" | "SS006" | "SS007" | "SS008" | "SS009" | "SS010" | "SS011";
export type TaskState = "queued" | "running" | "waiting" | "sleeping" | "canceling" | "leaked";
export interface Snapshot {
    readonly schema: "snowshed.dump/1";
    readonly pid: number;
    readonly node: string;
    readonly program: string;
    readonly time: string;
    readonly since: string;
    readonly preset: string;
    readonly truncated: boolean;
    readonly totals: SnapshotTotals;
    readonly tasks: readonly TaskSnapshot[];
    readonly resources: readonly ResourceSnapshot[];
    readonly warnings: readonly WarningSnapshot[];
    readonly deadlocks: readonly DeadlockSnapshot[];
}
export interface SnapshotTotals {
    readonly tasksLive: number;
    readonly tasksStarted: number;
    readonly tasksEnded: {
        readonly fulfilled: number;
        readonly rejected: number;
        readonly skipped: number;
    };
    readonly leaked: number;
    readonly deadlocks: number;
}
export interface TaskSnapshot {
    readonly id: number;
    readonly name: string;
    readonly scope: number;
    readonly parent: number | null;
    readonly state: TaskState;
    readonly wait: WaitSnapshot | null;
    readonly held: readonly {
        readonly resource: number;
        readonly weight: number;
    }[];
    readonly age: number;
    readonly site: string | null;
}
export interface WaitSnapshot {
    readonly resource: number;
    readonly kind: ResourceKind;
    readonly name: string;
    readonly weight: number;
    readonly age: number;
    readonly deadline: number | null;
    readonly heldBy: readonly number[];
}
export interface ResourceSnapshot {
    readonly id: number;
    readonly kind: ResourceKind;
    readonly name: string;
    readonly capacity: number | null;
    readonly held: number;
    readonly pending: number;
    readonly holders: readonly {
        readonly task: number | null;
        readonly weight: number;
    }[];
    readonly live: number;
}
export interface WarningSnapshot {
    readonly code: WarningCode;
    readonly message: string;
    readonly site: string | null;
    readonly task: number | null;
    readonly resource: number | null;
    readonly count: number;
    readonly first: string;
    readonly last: string;
}
export interface DeadlockSnapshot {
    readonly certainty: "certain" | "suspected";
    readonly tasks: readonly number[];
    readonly resources: readonly number[];
}
