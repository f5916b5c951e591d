import { Metrics } from "../../metrics/metrics.ts";
export interface RegistryLike {
    registerMetric(metric: never): void;
    getSingleMetric(name: string): unknown;
    removeSingleMetric(name: string): void;
}
export declare function collectInto(registry: RegistryLike, metrics: Metrics): () => void;
