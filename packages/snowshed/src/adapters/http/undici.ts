import type { HttpClientOptions } from "./fetch.ts";

/** For `new Agent().compose(…)`. */
export function undiciInterceptor(_options: HttpClientOptions = {}): <Dispatch>(dispatch: Dispatch) => Dispatch {
  return (dispatch) => dispatch;
}
