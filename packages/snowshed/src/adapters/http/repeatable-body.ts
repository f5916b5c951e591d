const repeatable = new Set(["URLSearchParams", "FormData", "Blob", "File"]);

/** Whether a request's body can be sent again: one that is not read from a stream. @internal */
export function isRepeatableBody(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === "string") return true;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return true;
  // By name: there is a FormData of the platform and one of each copy of undici.
  return repeatable.has(String((body as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]));
}
