import { Monitor } from "../diagnostics/monitor.ts";
import type { MetricFamily } from "./metric.ts";
export interface MetricsOptions {
    readonly maxNames?: number | undefined;
}
export declare class Metrics {
    #private;
    constructor(options?: MetricsOptions);
    add(piece: object, options?: {
        readonly name?: string | undefined;
    }): void;
    remove(piece: object): boolean;
    watch(monitor: Monitor): () => void;
    collect(): MetricFamily[];
}
