import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { Limiter } from "../../overload/limiter.ts";
import type { Priority } from "../../overload/priority.ts";
import { DispatchQueue } from "./dispatch-queue.ts";
import { LoopLag } from "./loop-lag.ts";
export interface AdmissionOptions<Request> {
    readonly limiter?: Limiter | undefined;
    readonly priority?: ((request: Request) => Priority | undefined) | undefined;
    readonly quota?: ((request: Request) => Duration | undefined) | undefined;
    readonly exclude?: ((request: Request) => boolean) | undefined;
    readonly stream?: ((request: Request) => boolean) | undefined;
    readonly timeout?: Duration | undefined;
    readonly linger?: Duration | undefined;
    readonly retryAfter?: Duration | undefined;
    readonly dispatch?: DispatchQueue | false | undefined;
    readonly loopLag?: LoopLag | false | undefined;
    readonly signal?: AbortSignal | Context | undefined;
    readonly clock?: Clock | undefined;
    readonly onShed?: ((request: Request, refusal: Refusal) => void) | undefined;
}
export interface Refusal {
    readonly status: 429 | 503 | 504;
    readonly reason: "limit" | "quota" | "deadline" | "doomed";
    readonly retryAfter: number | undefined;
}
