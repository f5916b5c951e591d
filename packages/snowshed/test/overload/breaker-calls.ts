import type { CircuitBreaker } from "snowshed";
import { TransientError } from "snowshed";
import type { Classification } from "../../src/overload/classify.ts";

/** A service that answers. */
export const up = (): Promise<string> => Promise.resolve("up");

/** A service that is down. */
export const down = (): Promise<never> => Promise.reject(new TransientError("down"));

export type Fate = "passed" | "refused";

/** What becomes of a call: `task` passed, however it ended, or was refused. */
export async function call(
  breaker: Pick<CircuitBreaker, "run">,
  task: () => unknown = up,
  times: number = 1,
): Promise<Fate> {
  let fate: Fate = "refused";
  for (let index = 0; index < times; index++) {
    fate = "refused";
    await breaker
      .run(() => {
        fate = "passed";
        return task();
      })
      .catch(() => {});
  }
  return fate;
}

/** Ends the calls of `epochs` in the same way. */
export function leaveAll(
  breaker: CircuitBreaker,
  epochs: readonly number[],
  classification: Classification,
  at: number,
): void {
  for (const epoch of epochs) breaker.leave(epoch, classification, at);
}

/** As many calls as pass at once; gives their numbers. */
export function enterAll(breaker: CircuitBreaker, at: number): number[] {
  const epochs: number[] = [];
  for (let epoch = breaker.enter(at); epoch !== -1 && epochs.length < 1000; epoch = breaker.enter(at)) {
    epochs.push(epoch);
  }
  return epochs;
}
