import type { CancelContext } from "./context.ts";
import { Context } from "./context.ts";

/** The context of a piece of work that takes a `signal` option: a child of it, or of the background. @internal */
export function childContext(signal: AbortSignal | Context | undefined): CancelContext {
  return contextOf(signal).withCancel();
}

/** @internal */
export function contextOf(signal: AbortSignal | Context | undefined): Context {
  if (signal === undefined) return Context.background;
  return signal instanceof Context ? signal : Context.from(signal);
}
