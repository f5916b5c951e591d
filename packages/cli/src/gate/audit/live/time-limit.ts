import { setMaxListeners } from "node:events";

/**
 * Runs `ask` with a signal that aborts after so many milliseconds, or with `signal`; rejects then, whether or not `ask` has ended. By
 * a timer of its own: on Node 20 a signal that AbortSignal.any() made of AbortSignal.timeout() can be collected before it fires.
 */
export async function withTimeLimit<T>(
  timeoutMs: number,
  signal: AbortSignal,
  ask: (limited: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  // As many wait for it as there are servers, and more than ten are no leak.
  setMaxListeners(0, signal);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const limited = controller.signal;
  const aborted = new Promise<never>((_, reject) => {
    limited.addEventListener("abort", () => reject(limited.reason as Error), { once: true });
    if (limited.aborted) reject(limited.reason as Error);
  });
  try {
    return await Promise.race([ask(limited), aborted]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
