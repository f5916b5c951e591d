import { SnowshedError } from "../errors.ts";

/** What who is refused gets; `wait` in milliseconds. @internal */
export function quotaRefusal(name: string | undefined, why: string, wait: number): SnowshedError {
  const label = name === undefined ? "" : ` of "${name}"`;
  const error = new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", `refused by the quota${label}: ${why}`);
  // What `retryAfter()` reads.
  return Object.assign(error, { retryAfter: Math.ceil(wait) });
}
