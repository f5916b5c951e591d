import type { Clock } from "../clock.ts";
import { Cancellation } from "../concurrency/abort.ts";
import { abortable } from "../concurrency/abortable.ts";
import { contextOf } from "../concurrency/child-context.ts";
import type { Context } from "../concurrency/context.ts";
import { CancelContext } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { toMilliseconds } from "../duration.ts";
import { checkFunction, DeadlineExceededError } from "../errors.ts";

export interface TimeoutOptions {
  /** Ends the wait, and the task's context, when it aborts. One that is aborted already refuses. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Used when `signal` is not a Context with a clock of its own. Default: the system's. */
  readonly clock?: Clock | undefined;
}

export async function timeout<T>(
  task: (context: Context) => T | PromiseLike<T>,
  duration: Duration,
  options: TimeoutOptions = {},
): Promise<T> {
  checkFunction(task, "task");
  const ms = toMilliseconds(duration, "duration");
  const parent = contextOf(options.signal, options.clock);
  const { clock } = parent;
  parent.throwIfAborted();
  const due = Math.min(parent.due, clock.now() + ms);
  const context = new CancelContext(parent, due, Math.min(parent.dueDate, clock.date() + ms));
  const expire = (): void => {
    const error = new DeadlineExceededError(`the task took longer than ${ms} ms`);
    context.abort(new Cancellation(undefined, true, error));
  };
  if (ms <= 0) expire();
  context.throwIfAborted();
  context.cancelTimer = clock.setTimeout(expire, ms);
  try {
    return await abortable(context, new Promise<T>((resolve) => resolve(task(context))));
  } finally {
    context.cancelTimer();
    context.source?.unlink(context);
  }
}
