export type ErrorCode = "SNOWSHED_INVALID_ARGUMENT" | "SNOWSHED_CANCELED" | "SNOWSHED_DEADLINE_EXCEEDED" | "SNOWSHED_NEGATIVE_COUNTER" | "SNOWSHED_OVER_RELEASE" | "SNOWSHED_NEVER_FITS" | "SNOWSHED_NO_OWNER" | "SNOWSHED_CHANNEL_CLOSED" | "SNOWSHED_GROUP_CLOSED" | "SNOWSHED_TASK_NOT_FULFILLED" | "SNOWSHED_TRANSIENT" | "SNOWSHED_FATAL" | "SNOWSHED_CLASSIFIER_FAILED" | "SNOWSHED_LIMIT_EXCEEDED" | "SNOWSHED_CIRCUIT_OPEN" | "SNOWSHED_FALLBACK_FAILED" | "SNOWSHED_POOL_CLOSED" | "SNOWSHED_BACKEND_UNAVAILABLE" | "SNOWSHED_LEASE_LOST" | "SNOWSHED_REPLICATION_FAILED" | "SNOWSHED_NO_IDENTITY" | "SNOWSHED_EVENT_EXPIRED" | "SNOWSHED_LISTEN_FAILED" | "SNOWSHED_LEAK_FOUND";
export declare class SnowshedError extends Error {
    readonly code: ErrorCode;
    constructor(code: ErrorCode, message: string, options?: ErrorOptions);
    static [Symbol.hasInstance](value: unknown): boolean;
}
export declare class CanceledError extends SnowshedError {
    constructor(message?: string, options?: ErrorOptions);
}
export declare class DeadlineExceededError extends SnowshedError {
    constructor(message?: string, options?: ErrorOptions);
}
