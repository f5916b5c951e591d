import type { Clock } from "../clock.ts";
import { CanceledError, DeadlineExceededError } from "../errors.ts";
export declare abstract class AbortNode {
}
export declare class AbortCallback extends AbortNode {
    #private;
    constructor(callback: (why: Cancellation) => void);
}
export declare class Cancellation {
    #private;
    constructor(given: unknown, deadline: boolean, reason?: CanceledError | DeadlineExceededError);
    get reason(): CanceledError | DeadlineExceededError;
    get cause(): unknown;
}
export declare class AbortScope extends AbortNode {
    protected constructor(clock: Clock, scope?: AbortScope);
}
