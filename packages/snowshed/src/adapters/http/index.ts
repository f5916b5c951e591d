export { wrapFetch } from "./fetch.ts";
export type { HttpClientOptions } from "./fetch.ts";
export { Origins } from "./origins.ts";
export { undiciInterceptor } from "./undici.ts";
