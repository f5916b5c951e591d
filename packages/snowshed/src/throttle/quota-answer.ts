import { answerOf } from "../overload/headers.ts";
import { retryAfter } from "../overload/retry-after.ts";
import type { RateLimitFields } from "./rate-limit-fields.ts";
import { dateOf, rateLimitFields } from "./rate-limit-fields.ts";

/** What a service that refuses and does not say for how long is left alone, in milliseconds. */
const pauseAfterRefusal = 1000;
/** Those that ask with `Retry-After` to send less, as 429 always does: GitHub's 403, 503, Anthropic's 529. */
const refusals: ReadonlySet<unknown> = new Set([403, 503, 529]);

/** What the answer to a call says of the quota it was made under. */
interface QuotaAnswer {
  readonly status: number | undefined;
  readonly fields: RateLimitFields | undefined;
  /** For how many milliseconds it asks all to pause, if it refuses the call. */
  readonly pause: number | undefined;
}

/** Reads an answer, or an error that carries one; `undefined` if it is neither. `date`: this machine's. @internal */
export function quotaAnswerOf(outcome: unknown, date: number): QuotaAnswer | undefined {
  const answer = answerOf(outcome);
  if (answer === undefined) return undefined;
  const { headers, status } = answer;
  const measuredFrom = dateOf(headers, date);
  const fields = rateLimitFields(headers, measuredFrom);
  const asked = retryAfter(outcome, measuredFrom);
  let pause: number | undefined;
  if (status === 429 || (asked !== undefined && refusals.has(status))) {
    const untilReset = fields?.remaining === 0 ? fields.reset : undefined;
    // A 429 that says "now", or a time that has passed, did not mean it.
    pause = [asked, untilReset].find((ms = 0) => ms > 0) ?? (status === 429 ? pauseAfterRefusal : 0);
  }
  return { status, fields, pause };
}
