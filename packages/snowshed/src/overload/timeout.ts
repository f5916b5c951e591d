import type { Clock } from "../clock.ts";
import { Cancellation } from "../concurrency/abort.ts";
import { abortable } from "../concurrency/abortable.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import { boundedContext } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, DeadlineExceededError } from "../errors.ts";

export interface TimeoutOptions {
  /** Ends the wait, and the task's context, when it aborts. One that is aborted already refuses. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Runs `task` and waits no longer than `duration` for it, nor beyond the deadline of `signal`. Resolves and rejects as
 * the task does if that is in time. The process is kept running meanwhile.
 *
 * Otherwise rejects with `DeadlineExceededError`, and the context of the task is aborted with the same error: at that
 * moment, even if the task takes no notice. Such a body runs on; its result is dropped, its failure is no unhandled
 * rejection. When `signal` aborts, the same with its cancellation. 0 and less refuse at once: the task is not run.
 *
 * A context whose task was in time is not aborted: a response that was returned can still be read, however long that
 * takes. Read it inside the task to have the timeout cover it.
 *
 * @example
 * ```ts
 * import { DeadlineExceededError, timeout } from "snowshed";
 *
 * const slow = timeout((context) => context.sleep("1h"), "5ms");
 * await slow.catch((error: unknown) => {
 *   if (error instanceof DeadlineExceededError) console.log(error.message); // the task took longer than 5 ms
 * });
 * ```
 */
export async function timeout<T>(
  task: (context: Context) => T | PromiseLike<T>,
  duration: Duration,
  options: TimeoutOptions = {},
): Promise<T> {
  checkFunction(task, "task");
  const ms = toMilliseconds(duration, "duration");
  const parent = contextOf(options.signal, options.clock);
  parent.throwIfAborted();
  if (ms <= 0) throw new DeadlineExceededError(`the task was not run: its timeout is ${ms} ms`);
  const { clock } = parent;
  const due = clock.now() + ms;
  const context = boundedContext(parent, due);
  const expire = (): void => {
    const error = new DeadlineExceededError(`the task took longer than ${ms} ms`);
    context.abort(new Cancellation(undefined, true, error));
  };
  // The parent's deadline ends it by a timer that lets the process end before; one for a second later does not.
  context.cancelTimer =
    due < parent.due ? clock.setTimeout(expire, ms) : clock.setTimeout(() => {}, parent.remaining() + 1000);
  try {
    return await abortable(context, new Promise<T>((resolve) => resolve(task(context))));
  } catch (error) {
    // What the task has started is of no use any more.
    context.cancel(error);
    throw error;
  } finally {
    context.detach();
  }
}
