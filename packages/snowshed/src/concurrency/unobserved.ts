/**
 * Failures that nobody has been told of, by themselves, never with their owner, whose collection is waited for; and how
 * many of them have been detached from it.
 */
const unobserved = new Map<readonly unknown[], number>();
const collected = new FinalizationRegistry<readonly unknown[]>(surface);
let watchingExit = false;

/**
 * Remembers failures of `owner` that nobody waits for yet. They become an unhandled rejection when nobody can any more:
 * when `owner` is garbage, or, where there is a process, when that is about to end. Not at once: a caller may be busy
 * with something else before it waits, and must not be killed for that.
 *
 * Returns the function to call when they have been delivered. Until then errors may be added to the list; call this
 * again after that.
 *
 * @internal
 */
export function holdUnobserved(owner: object, errors: readonly unknown[]): () => void {
  const detached = unobserved.get(errors) ?? 0;
  if (!unobserved.has(errors)) collected.register(owner, errors, errors);
  for (let index = detached; index < errors.length; index++) detach(errors[index], 10);
  unobserved.set(errors, errors.length);
  if (!watchingExit) {
    watchingExit = true;
    const { process } = globalThis as { process?: { on?(event: "beforeExit", listener: () => void): unknown } };
    process?.on?.("beforeExit", surfaceAll);
  }
  return () => {
    unobserved.delete(errors);
    collected.unregister(errors);
  };
}

/**
 * Reads the stack of `error` and of those behind it. V8 makes that text when it is first read; until then the error keeps
 * the frames, and with the frame of `go()` the very owner whose collection is waited for.
 */
function detach(error: unknown, depth: number): void {
  if (!(error instanceof Error) || depth === 0) return;
  try {
    void error.stack;
  } catch {
    // Somebody's Error.prepareStackTrace failed: not the time to report that.
  }
  detach(error.cause, depth - 1);
  if (error instanceof AggregateError) for (const inner of error.errors as unknown[]) detach(inner, depth - 1);
}

// Not inside holdUnobserved(): a closure made there would keep the errors of the first call for ever.
function surfaceAll(): void {
  [...unobserved.keys()].forEach(surface);
}

function surface(errors: readonly unknown[]): void {
  // A rejection without a handler, on purpose: the platform's own way to report what nobody caught.
  if (unobserved.delete(errors)) void Promise.reject(joinErrors(errors));
}

/** One error as it is, several as an `AggregateError`. @internal */
export function joinErrors(errors: readonly unknown[]): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors.length} tasks failed`);
}
