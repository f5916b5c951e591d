import type { ResourceKind } from "../hooks.ts";

/** Codes of warnings. Each has a page in `docs/warnings/`. */
export type WarningCode =
  | "SS001"
  | "SS002"
  | "SS003"
  | "SS004"
  | "SS005"
  | "SS006"
  | "SS007"
  | "SS008"
  | "SS009"
  | "SS010"
  | "SS011";

/**
 * What a task does. `running`: it is not known to wait, which is all that can be known of what waits for something that
 * is not of this library. `canceling`: its group is canceled, and it has not ended yet. `leaked`: nothing can ever end it.
 */
export type TaskState = "queued" | "running" | "waiting" | "sleeping" | "canceling" | "leaked";

/** All that is watched, at one moment, as plain data. Durations and times within are milliseconds. */
export interface Snapshot {
  readonly schema: "snowshed.dump/1";
  readonly pid: number;
  /** The version of the runtime. */
  readonly node: string;
  /** The script that runs. */
  readonly program: string;
  /** ISO 8601. */
  readonly time: string;
  /** When watching began: of what is older only a part is known. */
  readonly since: string;
  readonly preset: string;
  /** Whether there are more tasks or resources than are listed. */
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
  readonly tasksEnded: { readonly fulfilled: number; readonly rejected: number; readonly skipped: number };
  readonly leaked: number;
  readonly deadlocks: number;
}

export interface TaskSnapshot {
  readonly id: number;
  readonly name: string;
  /** The resource that is its group, wait group or map. */
  readonly scope: number;
  /** The task that made it, if that is known and has not ended. */
  readonly parent: number | null;
  readonly state: TaskState;
  /** Its newest wait. */
  readonly wait: WaitSnapshot | null;
  readonly held: readonly { readonly resource: number; readonly weight: number }[];
  readonly age: number;
  /** Where it was made, `src/crawl.ts:41:9`, if that was noted. */
  readonly site: string | null;
}

export interface WaitSnapshot {
  readonly resource: number;
  readonly kind: ResourceKind;
  readonly name: string;
  readonly weight: number;
  readonly age: number;
  /** What is left until it gives up by itself. */
  readonly deadline: number | null;
  /** Tasks that hold some of it, at most 16. */
  readonly heldBy: readonly number[];
}

export interface ResourceSnapshot {
  readonly id: number;
  readonly kind: ResourceKind;
  readonly name: string;
  /** `null`: without bound. */
  readonly capacity: number | null;
  readonly held: number;
  readonly pending: number;
  /** `task` is `null` for what is held by no known task. */
  readonly holders: readonly { readonly task: number | null; readonly weight: number }[];
  /** Tasks that live in it, if it is a scope. */
  readonly live: number;
}

export interface WarningSnapshot {
  readonly code: WarningCode;
  readonly message: string;
  readonly site: string | null;
  readonly task: number | null;
  readonly resource: number | null;
  /** How often it was found. */
  readonly count: number;
  readonly first: string;
  readonly last: string;
}

export interface DeadlockSnapshot {
  /** `suspected`: it would end if somebody gave back what another task holds. */
  readonly certainty: "certain" | "suspected";
  readonly tasks: readonly number[];
  readonly resources: readonly number[];
}
