/** Failures that nobody has been told of: by themselves, never with their owner, whose collection is waited for. */
const unobserved = new Set<readonly unknown[]>();
const collected = new FinalizationRegistry<readonly unknown[]>(surface);
let watchingExit = false;

/**
 * Remembers failures of `owner` that nobody waits for yet. They become an unhandled rejection when nobody can any more:
 * when `owner` is garbage, or, where there is a process, when that is about to end. Not at once: a caller may be busy
 * with something else before it waits, and must not be killed for that.
 *
 * Returns the function to call when they have been delivered. Errors may be added to the list until then.
 *
 * @internal
 */
export function holdUnobserved(owner: object, errors: readonly unknown[]): () => void {
  unobserved.add(errors);
  collected.register(owner, errors, errors);
  if (!watchingExit) {
    watchingExit = true;
    const { process } = globalThis as { process?: { on?(event: "beforeExit", listener: () => void): unknown } };
    process?.on?.("beforeExit", () => unobserved.forEach(surface));
  }
  return () => {
    unobserved.delete(errors);
    collected.unregister(errors);
  };
}

function surface(errors: readonly unknown[]): void {
  // A rejection without a handler, on purpose: the platform's own way to report what nobody caught.
  if (unobserved.delete(errors)) void Promise.reject(joinErrors(errors));
}

/** One error as it is, several as an `AggregateError`. @internal */
export function joinErrors(errors: readonly unknown[]): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, `${errors.length} tasks failed`);
}
