import type { Context } from "../../concurrency/context.ts";
import { isObject, read } from "../../overload/inspection.ts";
import { classifyError } from "../../overload/classify.ts";
import { retryAfter } from "../../overload/retry-after.ts";
import type { ConsumedMessage } from "./message.ts";
import type { DeadLetterReason } from "./runner-events.ts";
import type { RunnerSettings } from "./runner-options.ts";

/** How an attempt ended. @internal */
export type AttemptOutcome =
  | { readonly kind: "done"; readonly value: unknown }
  /** The message is not at fault: nothing of the partition is worth beginning for at least `delay` ms. */
  | { readonly kind: "refused"; readonly delay: number; readonly error: unknown }
  | { readonly kind: "failed"; readonly reason: DeadLetterReason | null; readonly error: unknown };

/** A handler that takes notice of its deadline may take this long to clean up, and its result still counts. */
const grace = 5000;

const refusals: ReadonlySet<unknown> = new Set([
  "SNOWSHED_CIRCUIT_OPEN",
  "SNOWSHED_LIMIT_EXCEEDED",
  "SNOWSHED_BACKEND_UNAVAILABLE",
]);

/**
 * Runs the handler once: behind the breaker and the limiter, with its deadline. One that takes no notice of the deadline is not
 * waited for after the grace: `onAbandoned`. One whose partition was lost is not waited for at all.
 *
 * @internal
 */
export async function attempt(
  messages: readonly ConsumedMessage[],
  settings: RunnerSettings,
  partition: Context,
  onAbandoned: () => void,
): Promise<AttemptOutcome> {
  const { handler, limiter, breaker, timeout } = settings;
  const context = Number.isFinite(timeout) ? partition.withTimeout(timeout) : partition.withCancel();
  const handle = async (): Promise<unknown> => handler(messages, context);
  const limited = (): Promise<unknown> => (limiter === null ? handle() : limiter.run(handle));
  const bounded = (): Promise<unknown> => withinDeadline(limited(), context, partition, onAbandoned);
  try {
    return { kind: "done", value: await (breaker === null ? bounded() : breaker.run(bounded)) };
  } catch (error) {
    return judge(error, settings);
  } finally {
    context.cancel();
  }
}

function withinDeadline<T>(
  body: Promise<T>,
  context: Context,
  partition: Context,
  onAbandoned: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancelGrace: (() => void) | null = null;
    const stop = context.onAbort((reason) => {
      if (partition.aborted) reject(reason);
      else {
        cancelGrace = context.clock.setTimeout(() => {
          onAbandoned();
          reject(reason);
        }, grace);
      }
    });
    const stopPartition = partition.onAbort((reason) => reject(reason));
    const settled = (): void => {
      stop();
      stopPartition();
      cancelGrace?.();
    };
    body.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}

function judge(error: unknown, { classify, breaker }: RunnerSettings): AttemptOutcome {
  const code = isObject(error) ? read(error, "code") : undefined;
  if (code === "SNOWSHED_NO_IDENTITY") return { kind: "failed", reason: "no-identity", error };
  if (refusals.has(code)) {
    // One that was opened by hand may be closed by hand at any time: the caller's own waits bound this one.
    const wait = code === "SNOWSHED_CIRCUIT_OPEN" ? (breaker?.retryAfter ?? 0) : 0;
    return { kind: "refused", delay: Number.isFinite(wait) ? wait : 0, error };
  }
  try {
    const classification = classifyError(classify, error);
    if (classification === "overload") return { kind: "refused", delay: retryAfter(error) ?? 0, error };
    return { kind: "failed", reason: classification === "fatal" ? "fatal" : null, error };
  } catch (failure) {
    return { kind: "failed", reason: "fatal", error: failure };
  }
}
