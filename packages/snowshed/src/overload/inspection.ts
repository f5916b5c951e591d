// Looking at values of any origin: none of this throws, whatever getters and traps they have.

/** How many errors down a chain of causes, or into nested AggregateErrors, is looked at: no real one is as deep. */
export const maxDepth = 100;

/** @internal */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The property, or `undefined` where reading it throws. @internal */
export function read(value: object, key: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>>)[key];
  } catch {
    return undefined;
  }
}

/** Also those of another realm (an iframe, `node:vm`), which are no instances of this one's `Error`. @internal */
export function isError(value: object): boolean {
  try {
    if (value instanceof Error) return true;
    // Every error has a message. Asking all values for their tag would cost ten times as much.
    if (typeof (value as { readonly message?: unknown }).message !== "string") return false;
    const tag = Object.prototype.toString.call(value);
    return tag === "[object Error]" || tag === "[object DOMException]";
  } catch {
    return false;
  }
}
