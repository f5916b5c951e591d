import type { Clock } from "../clock.ts";
import type { CancelContext } from "./context.ts";
import { Context } from "./context.ts";

/** The context of a piece of work that takes a `signal` option: a child of it, or of the background. @internal */
export function childContext(signal: AbortSignal | Context | undefined): CancelContext {
  return contextOf(signal).withCancel();
}

/** `clock` is the work's own option: a Context has a clock, a foreign AbortSignal has none. @internal */
export function contextOf(signal: AbortSignal | Context | undefined, clock?: Clock): Context {
  if (signal === undefined) return clock === undefined ? Context.background : Context.root({ clock });
  if (signal instanceof Context) return signal;
  const context = Context.from(signal);
  // The signal of a context leads back to it, and is its own scope.
  return clock === undefined || context.scope === context ? context : new ClockedContext(context, clock);
}

/** Another view of a context without a deadline, in another clock. */
class ClockedContext extends Context {
  constructor(context: Context, clock: Clock) {
    super(clock, context.values, context.due, context.dueDate, context.scope);
  }
}
