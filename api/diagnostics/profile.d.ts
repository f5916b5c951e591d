import type { ResourceKind } from "../hooks.ts";
import type { TaskState } from "./snapshot-types.ts";
export type ProfileKind = "task" | "blocked" | "leak";
export interface Profile {
    readonly kind: ProfileKind;
    readonly total: number;
    readonly groups: readonly ProfileGroup[];
}
export interface ProfileGroup {
    readonly count: number;
    readonly name: string;
    readonly state: TaskState;
    readonly wait: {
        readonly kind: ResourceKind;
        readonly name: string;
    } | null;
    readonly site: string | null;
    readonly oldest: number;
}
export declare function profile(kind: ProfileKind): Profile;
