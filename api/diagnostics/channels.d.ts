import type { ResourceKind } from "../hooks.ts";
export interface TaskMessage {
    readonly id: number;
    readonly name: string;
    readonly scope: {
        readonly id: number;
        readonly kind: ResourceKind;
        readonly name: string;
    };
    readonly parent: number | null;
}
export interface TaskEndMessage extends TaskMessage {
    readonly outcome: "fulfilled" | "rejected" | "skipped";
    readonly age: number;
}
export interface ResourceMessage {
    readonly id: number;
    readonly kind: ResourceKind;
    readonly name: string;
    readonly weight: number;
    readonly task: number | null;
    readonly capacity: number | null;
    readonly held: number;
    readonly pending: number;
    readonly waited: number;
}
export interface MisuseMessage {
    readonly code: string;
    readonly detail: string;
    readonly task: number | null;
}
