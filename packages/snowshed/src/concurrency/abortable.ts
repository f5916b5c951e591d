import { AbortCallback } from "./abort.ts";
import type { Context } from "./context.ts";

/**
 * `body`, or the rejection with the reason of `context` as soon as that aborts. What the body does after that is
 * dropped: whoever holds something for it has to wait for the body itself.
 *
 * @internal
 */
export function abortable<T>(context: Context, body: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = new AbortCallback(() => reject(context.reason));
    if (context.aborted) reject(context.reason);
    else context.scope.link(onAbort);
    body.then(
      (value) => {
        onAbort.stop();
        resolve(value);
      },
      (error: unknown) => {
        onAbort.stop();
        reject(error);
      },
    );
  });
}
