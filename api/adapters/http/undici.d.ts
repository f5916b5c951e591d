import type { HttpClientOptions } from "./client-plan.ts";
export type UndiciInterceptor = <Dispatch extends (options: never, handler: never) => boolean>(dispatch: Dispatch) => Dispatch;
export declare function undiciInterceptor(options?: HttpClientOptions): UndiciInterceptor;
