export declare function retryAfter(outcome: unknown, now?: number): number | undefined;
