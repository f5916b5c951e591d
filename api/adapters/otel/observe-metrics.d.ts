import { Metrics } from "../../metrics/metrics.ts";
import type { MeterLike } from "./meter-like.ts";
export declare function observeMetrics(meter: MeterLike, metrics: Metrics): () => void;
