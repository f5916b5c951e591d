export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { CancelContext, Context, contextKey } from "./concurrency/context.ts";
export type { ContextKey } from "./concurrency/context.ts";
export { toMilliseconds } from "./duration.ts";
export type { Duration } from "./duration.ts";
export { CanceledError, DeadlineExceededError, SnowshedError } from "./errors.ts";
export type { ErrorCode } from "./errors.ts";
