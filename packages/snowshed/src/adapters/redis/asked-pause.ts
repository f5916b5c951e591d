import { answerOf } from "../../overload/headers.ts";
import { retryAfter } from "../../overload/retry-after.ts";
import { dateOf, rateLimitFields } from "../../throttle/rate-limit-fields.ts";

/** What a service that refuses and does not say for how long is left alone, in milliseconds. */
const pauseAfterRefusal = 1000;
/** Those that ask with `Retry-After` to send less, as 429 always does: GitHub's 403, 503, Anthropic's 529. */
const refusals: ReadonlySet<unknown> = new Set([403, 503, 529]);

/** For how many milliseconds an answer, or an error that carries one, asks to be left alone. `date`: this machine's. @internal */
export function askedPause(outcome: unknown, date: number): number | undefined {
  const answer = answerOf(outcome);
  if (answer === undefined) return undefined;
  const measuredFrom = dateOf(answer.headers, date);
  const fields = rateLimitFields(answer.headers, measuredFrom);
  const untilReset = fields?.remaining === 0 ? fields.reset : undefined;
  const asked = retryAfter(outcome, measuredFrom);
  // A 429 that says "now", or a time that has passed, did not mean it.
  if (answer.status === 429) return [asked, untilReset].find((ms) => ms !== undefined && ms > 0) ?? pauseAfterRefusal;
  return asked !== undefined && refusals.has(answer.status) ? asked : untilReset;
}
