import type { Metrics } from "../../metrics/metrics.ts";
export interface Exposition {
    readonly contentType: string;
    readonly body: string;
}
export declare function exposition(metrics: Metrics, accept?: string): Exposition;
