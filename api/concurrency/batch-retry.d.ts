import type { Duration } from "../duration.ts";
export interface BatchRetry<Input> {
    readonly attempts?: number | undefined;
    readonly backoff?: {
        readonly base?: Duration | undefined;
        readonly max?: Duration | undefined;
    } | undefined;
    readonly budget?: {
        readonly ratio?: number | undefined;
        readonly minimum?: number | undefined;
    } | undefined;
    readonly retryable?: ((error: unknown, input: Input) => boolean) | undefined;
    readonly retryAfter?: ((error: unknown, input: Input) => Duration | undefined) | undefined;
}
