import type { Duration } from "../../duration.ts";
export interface EtcdSemaphoreOptions {
    readonly permits: number;
    readonly version?: number | undefined;
    readonly lease?: Duration | undefined;
    readonly prefix?: string | undefined;
    readonly owner?: string | undefined;
}
