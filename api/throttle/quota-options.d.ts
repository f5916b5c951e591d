import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import type { Priority, PriorityBand } from "../overload/priority.ts";
export interface QuotaLimit {
    readonly requests: number;
    readonly per: Duration;
    readonly burst?: number | undefined;
}
export interface QuotaOptions {
    readonly limits: readonly QuotaLimit[];
    readonly maxQueue?: number | undefined;
    readonly reserve?: {
        readonly [Band in PriorityBand]?: number | undefined;
    } | undefined;
    readonly clock?: Clock | undefined;
    readonly name?: string | undefined;
}
export interface QuotaAcquireOptions {
    readonly signal?: AbortSignal | Context | undefined;
    readonly timeout?: Duration | undefined;
    readonly priority?: Priority | undefined;
}
export interface QuotaPermit extends Disposable {
    readonly weight: number;
    refund(): void;
}
export interface QuotaInspection {
    readonly limits: readonly {
        readonly requests: number;
        readonly per: number;
        readonly available: number;
    }[];
    readonly queued: number;
    readonly pausedFor: number;
    readonly server: {
        readonly remaining: number;
        readonly endsIn: number;
    } | undefined;
    readonly refused: number;
}
