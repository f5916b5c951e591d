import type { Classify, RetryOptions } from "snowshed";
import { retry, SnowshedError } from "snowshed";
import { expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { observe, outcome } from "../support/promises.ts";

useFakeTime();

test.each([
  [{ attempts: 0 }, "attempts must be an integer of at least 1, or Infinity; received 0 (number)"],
  [{ attempts: -1 }, "attempts must be"],
  [{ attempts: 1.5 }, "attempts must be"],
  [{ attempts: Number.NaN }, "attempts must be"],
  [{ attempts: 2 ** 53 }, "attempts must be"],
  [{ attempts: "3" }, "attempts must be"],
  [{ attempts: null }, "attempts must be"],
  [{ backoff: { initial: -1 } }, "backoff.initial must be"],
  [{ backoff: { initial: 20, maximum: 10 } }, "backoff.maximum must be"],
  [{ backoff: { jitter: "some" } }, "backoff.jitter must be"],
  [{ backoff: "1s" }, "backoff must be an object"],
  [{ budget: {} }, "budget must be a RetryBudget"],
  [{ budget: 0.1 }, "budget must be a RetryBudget; received 0.1 (number)"],
  [{ budget: null }, "budget must be a RetryBudget"],
  [{ classify: "transient" }, "classify must be a function"],
  [{ maxRetryAfter: -1 }, "maxRetryAfter must be at least 0"],
  [{ maxRetryAfter: Number.NaN }, "maxRetryAfter must be"],
  [{ maxRetryAfter: "soon" }, "maxRetryAfter must be"],
  [{ onRetry: true }, "onRetry must be a function"],
  [{ onGiveUp: {} }, "onGiveUp must be a function"],
  [{ signal: {} }, "signal must be an AbortSignal or a Context"],
  [3, "options must be an object; received 3 (number)"],
  [null, "options must be an object"],
])("options %j are refused before the task is run", async (options, message) => {
  let calls = 0;
  const call = retry(() => calls++, options as unknown as RetryOptions<number>);
  await expect(call).rejects.toThrow(message);
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  expect(calls).toBe(0);
});

test("fields that are undefined are as good as missing: the negative control", async () => {
  const nothing: RetryOptions<number> = {
    attempts: undefined,
    backoff: undefined,
    budget: undefined,
    classify: undefined,
    clock: undefined,
    maxRetryAfter: undefined,
    onGiveUp: undefined,
    onRetry: undefined,
    signal: undefined,
  };
  expect(await retry(() => 1, nothing)).toBe(1);
});

test.each([undefined, null, 1, "task", {}])("a task that is %j is refused", async (task) => {
  await expect(retry(task as never)).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
});

const broken: readonly (readonly [string, () => unknown])[] = [
  [
    "throws",
    () => {
      throw new Error("broken");
    },
  ],
  ["returns nothing", () => undefined],
  ["returns what is no classification", () => "retry"],
  ["returns a promise", async () => "transient"],
];

test.each(broken)("a classifier that %s ends the call, and its error tells both stories", async (_name, classify) => {
  const original = new Error("the task's own");
  let calls = 0;
  const task = (): never => {
    calls++;
    throw original;
  };
  const settled = await outcome(retry(task, { signal: root, classify: classify as Classify }));
  const { reason } = settled as { readonly reason: SnowshedError };
  expect(reason).toBeInstanceOf(SnowshedError);
  expect(reason.code).toBe("SNOWSHED_CLASSIFIER_FAILED");
  expect((reason.cause as AggregateError).errors).toContain(original);
  expect(calls).toBe(1);
  expect(clock.pending).toBe(0);
});

test("options are read once, before the first attempt: changing them later changes nothing", async () => {
  const options = { signal: root, attempts: 2, backoff: { initial: 5, jitter: "none" as const } };
  let calls = 0;
  const call = observe(
    retry(() => {
      calls++;
      options.attempts = 100;
      options.backoff.initial = 1e9;
      throw new Error("again");
    }, options),
  );
  await clock.advance(5);
  expect([calls, call.outcome.status]).toEqual([2, "rejected"]);
});
