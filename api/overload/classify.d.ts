export type Classification = "ok" | "ignore" | "transient" | "overload" | "fatal";
export type Classify = (outcome: unknown) => Classification;
export declare function classify(outcome: unknown): Classification;
export declare function classifier(rule: (outcome: unknown) => Classification | undefined, otherwise?: Classify): Classify;
export declare function isFatal(error: unknown): boolean;
export declare function isRetryable(error: unknown): boolean;
