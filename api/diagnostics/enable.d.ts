import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import type { Preset } from "./monitor.ts";
import { Monitor } from "./monitor.ts";
import type { WarningCode } from "./snapshot-types.ts";
export interface EnableOptions {
    readonly silence?: readonly WarningCode[] | undefined;
    readonly longBlocked?: Duration | undefined;
    readonly slowToCancel?: Duration | undefined;
    readonly eventLoopBlocked?: Duration | undefined;
    readonly growth?: number | undefined;
    readonly sweepInterval?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
export declare function enable(preset: Preset, options?: EnableOptions): Monitor;
export declare function disable(): void;
