/** Milliseconds that an outcome asks to wait. */
export function retryAfter(_outcome: unknown, _now?: number): number | undefined {
  return undefined;
}
