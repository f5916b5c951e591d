import type { Duration } from "../../duration.ts";
import type { Classify } from "../../overload/classify.ts";
import type { RetryPolicyOptions } from "../../overload/retry-policy.ts";
import type { OriginsOptions } from "./origins.ts";
import { Origins } from "./origins.ts";
export interface HttpClientOptions extends OriginsOptions {
    readonly origins?: Origins | undefined;
    readonly retry?: false | HttpRetryOptions | undefined;
    readonly timeout?: Duration | undefined;
    readonly deadline?: Duration | undefined;
    readonly deadlineHeader?: boolean | undefined;
    readonly bodyHold?: Duration | undefined;
    readonly classify?: Classify | undefined;
}
export interface HttpRetryOptions extends Pick<RetryPolicyOptions, "attempts" | "backoff" | "maxRetryAfter" | "onRetry" | "onGiveUp"> {
    readonly methods?: readonly string[] | undefined;
}
