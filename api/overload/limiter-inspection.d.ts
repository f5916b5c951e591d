export interface LimiterInspection {
    readonly limit: number;
    readonly inflight: number;
    readonly queued: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly shed: {
        readonly limit: number;
        readonly priority: number;
        readonly wait: number;
    };
}
