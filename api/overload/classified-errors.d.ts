import type { Duration } from "../duration.ts";
import { SnowshedError } from "../errors.ts";
export declare class TransientError extends SnowshedError {
    readonly retryAfter?: number;
    constructor(message?: string, options?: ErrorOptions & {
        readonly retryAfter?: Duration | undefined;
    });
}
export declare class FatalError extends SnowshedError {
    constructor(message?: string, options?: ErrorOptions);
}
