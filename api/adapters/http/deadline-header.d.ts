import type { Context } from "../../concurrency/context.ts";
export declare const deadlineHeader = "x-request-timeout-ms";
export type HeadersLike = {
    readonly get: (name: string) => string | null;
} | {
    readonly [name: string]: string | readonly string[] | undefined;
};
export type WritableHeaders = {
    readonly get: (name: string) => string | null;
    readonly set: (name: string, value: string) => void;
} | {
    [name: string]: string | readonly string[] | undefined;
};
export declare function writeDeadline(headers: WritableHeaders, context: Context): void;
export declare function readDeadline(headers: HeadersLike, parent: Context): Context;
