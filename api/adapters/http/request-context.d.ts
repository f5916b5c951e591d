import type { Context } from "../../concurrency/context.ts";
export declare function requestContext(request: object): Context;
