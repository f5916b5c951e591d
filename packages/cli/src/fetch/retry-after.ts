/**
 * Milliseconds that a `Retry-After` header asks to wait, given in seconds or as a date (RFC 9110, 10.2.3); `undefined`
 * without a header that says so. `now`: milliseconds since the epoch.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  // Date.parse also takes what is no date of HTTP, such as "-5".
  const at = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
