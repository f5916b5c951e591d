import type { Classification } from "./classify.ts";
import { classifyError, classifyValue } from "./classify.ts";
import { verdictOf } from "./pipeline-attempt.ts";
import type { PipelineTask, Plan } from "./pipeline-plan.ts";
import type { Priority } from "./priority.ts";
import { discard } from "./retry-policy.ts";

/**
 * A run that nothing but its own bodies can end: no deadline, no timeout, no hedge, no signal. The same as a `Call`,
 * in a straight line: a call that succeeds costs a third of what it does there (`npm run bench -- --only pipeline`).
 *
 * @internal
 */
export async function runPlain<T>(plan: Plan, task: PipelineTask<T>, priority?: Priority): Promise<T> {
  const { breaker, budget, classify, clock, limiter, retry, root } = plan;
  let at = clock.now();
  budget?.depositAt(at);
  for (let attempt = 1, delay = 0; ; attempt++) {
    const epoch = breaker === null ? 0 : breaker.enter(at);
    if (epoch === -1) throw breaker!.refusal();
    if (limiter !== null && !limiter.enter(at, priority)) {
      try {
        await limiter.wait(at, null, Number.POSITIVE_INFINITY, priority);
      } catch (error) {
        breaker?.leave(epoch, "ignore", clock.now());
        throw error;
      }
      at = clock.now();
    }
    let failed = false;
    let outcome: unknown;
    try {
      outcome = await task(root, attempt);
    } catch (error) {
      failed = true;
      outcome = error;
    }
    const ended = clock.now();
    let classification: Classification = "ignore";
    try {
      classification = failed ? classifyError(classify, outcome) : classifyValue(classify, outcome);
    } finally {
      // Also when the classifier throws: its error is the caller's then, and no place is lost.
      try {
        limiter?.leave(at, verdictOf(classification, outcome), ended);
      } finally {
        breaker?.leave(epoch, classification, ended);
      }
    }
    if (!failed && (classification === "ok" || retry === null)) return outcome as T;
    delay =
      retry === null
        ? -1
        : retry.next(attempt, failed, outcome, classification, Number.POSITIVE_INFINITY, ended, delay);
    if (delay < 0) {
      if (failed) throw outcome;
      return outcome as T;
    }
    if (!failed) discard(outcome);
    await root.sleep(delay);
    at = clock.now();
  }
}
