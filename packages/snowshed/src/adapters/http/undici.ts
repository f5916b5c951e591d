import type { HttpClientOptions } from "./client-plan.ts";
import { ClientPlan } from "./client-plan.ts";
import type { DispatchHandler, DispatchOptions } from "./undici-types.ts";
import { UndiciCall } from "./undici-call.ts";

/** For `dispatcher.compose(…)`: takes a `dispatch` and gives one of the same type. */
export type UndiciInterceptor = <Dispatch extends (options: never, handler: never) => boolean>(
  dispatch: Dispatch,
) => Dispatch;

/**
 * Makes an interceptor for undici 7 that protects every origin its dispatcher calls, and the caller, as `wrapFetch` does:
 * a limit of requests alive at once, a breaker, and retries from a budget.
 *
 * It goes before `redirect()` in `compose()`, so that each hop counts for its own origin. Of the `signal` of a request it
 * takes the deadline, when it is that of a Context; the abort itself undici sees to.
 *
 * @example
 * ```ts
 * import { undiciInterceptor } from "snowshed/http";
 * import { Agent, request } from "undici";
 *
 * const dispatcher = new Agent().compose(undiciInterceptor({ deadline: "10s", timeout: "3s" }));
 * await request("http://127.0.0.1:9/", { dispatcher, method: "POST" }).catch((error: NodeJS.ErrnoException) => {
 *   console.log(error.code); // ECONNREFUSED
 * });
 * await dispatcher.close();
 * ```
 */
export function undiciInterceptor(options: HttpClientOptions = {}): UndiciInterceptor {
  const plan = new ClientPlan(options);
  return (dispatch) => {
    const send = dispatch as unknown as (options: DispatchOptions, handler: DispatchHandler) => boolean;
    const intercepted = (request: DispatchOptions, handler: DispatchHandler): boolean =>
      // A request without an origin fails in undici itself, which knows what to say.
      request?.origin === undefined || request.origin === null
        ? send(request, handler)
        : new UndiciCall(plan, send, request, handler).start();
    return intercepted as unknown as typeof dispatch;
  };
}
