import type { Duration } from "../duration.ts";
export interface BatchRetry<Input> {
    readonly attempts?: number | undefined;
    readonly backoff?: {
        readonly initial?: Duration | undefined;
        readonly maximum?: Duration | undefined;
    } | undefined;
    readonly budget?: {
        readonly ratio?: number | undefined;
        readonly minimum?: number | undefined;
    } | undefined;
    readonly retryable?: ((error: unknown, input: Input) => boolean) | undefined;
    readonly retryAfter?: ((error: unknown, input: Input) => Duration | undefined) | undefined;
}
