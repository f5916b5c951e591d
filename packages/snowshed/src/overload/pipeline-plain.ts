import type { Classification } from "./classify.ts";
import { classifyError, classifyValue, limitOutcomeOf } from "./classify.ts";
import type { PipelineTask, Plan } from "./pipeline-plan.ts";
import type { Priority } from "./priority.ts";
import { discard } from "./retry-policy.ts";

/**
 * A run that nothing but its own bodies can end: no deadline, no timeout, no hedge, no signal. The same as a `Call`,
 * in a straight line, for the sake of a call that succeeds: `npm run bench -- --only pipeline`.
 *
 * @internal
 */
export async function runPlain<T>(plan: Plan, task: PipelineTask<T>, priority?: Priority): Promise<T> {
  let at = plan.clock.now();
  plan.budget?.depositAt(at);
  for (let attempt = 1, delay = 0; ; attempt++) {
    const epoch = passBreaker(plan, at);
    if (plan.limiter !== null && !plan.limiter.enter(at, priority)) at = await wait(plan, at, epoch, priority);
    let failed = false;
    let outcome: unknown;
    try {
      outcome = await task(plan.root, attempt);
    } catch (error) {
      failed = true;
      outcome = error;
    }
    delay = conclude(plan, attempt, at, epoch, failed, outcome, delay);
    if (delay < 0) {
      if (failed) throw outcome;
      return outcome as T;
    }
    if (!failed) discard(outcome);
    await plan.root.sleep(delay);
    at = plan.clock.now();
  }
}

// What follows is not written in line: all that an async function has at hand is saved whenever it waits.

function passBreaker({ breaker }: Plan, at: number): number {
  const epoch = breaker === null ? 0 : breaker.enter(at);
  if (epoch === -1) throw breaker!.refusal();
  return epoch;
}

/** Waits for a place in the limiter; returns when it had one. */
async function wait(plan: Plan, at: number, epoch: number, priority: Priority | undefined): Promise<number> {
  const { breaker, clock, limiter } = plan;
  try {
    await limiter!.wait(at, null, Number.POSITIVE_INFINITY, priority);
  } catch (error) {
    breaker?.leave(epoch, "ignore", clock.now());
    throw error;
  }
  return clock.now();
}

/** Gives the places back. Returns how long to wait before the next attempt, or -1 when there is to be none. */
function conclude(
  plan: Plan,
  attempt: number,
  at: number,
  epoch: number,
  failed: boolean,
  outcome: unknown,
  delay: number,
): number {
  const { breaker, classify, clock, limiter, retry } = plan;
  const ended = clock.now();
  let classification: Classification = "ignore";
  try {
    classification = failed ? classifyError(classify, outcome) : classifyValue(classify, outcome);
  } finally {
    // Also when the classifier throws: its error is the caller's then, and no place is lost.
    try {
      limiter?.leave(at, limitOutcomeOf(classification, outcome), ended);
    } finally {
      breaker?.leave(epoch, classification, ended);
    }
  }
  if (retry === null || (!failed && classification === "ok")) return -1;
  return retry.next(attempt, failed, outcome, classification, Number.POSITIVE_INFINITY, ended, delay);
}
