export { wrapFetch } from "./fetch.ts";
export type { HttpClientOptions } from "./fetch.ts";
export { Origins } from "./origins.ts";
export { undiciInterceptor } from "./undici.ts";
export { deadlineHeader, readDeadline, writeDeadline } from "./deadline-header.ts";
export type { HeadersLike, WritableHeaders } from "./deadline-header.ts";
