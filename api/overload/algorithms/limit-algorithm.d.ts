export interface LimitSample {
    readonly latency: number;
    readonly inflight: number;
    readonly dropped: boolean;
    readonly at: number;
}
export interface LimitAlgorithm {
    readonly limit: number;
    sample(sample: LimitSample): void;
}
