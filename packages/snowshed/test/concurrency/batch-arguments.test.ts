import { getEventListeners } from "node:events";
import type { BatchOptions, BatchOutcome, BatchReport, BatchRetry, Context, Duration } from "snowshed";
import { batch } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { outcome } from "../support/promises.ts";
import { numbers } from "../support/sources.ts";

/** Of an option nobody may pass: what it is rejected with, after no call was made and no source was touched. */
async function rejection(options: object): Promise<unknown> {
  let calls = 0;
  const source = numbers("synchronous", 3);
  const { signal } = new AbortController();
  const ended = await outcome(batch(source.iterable, () => calls++, { signal, ...options }));
  expect([calls, source.opened, getEventListeners(signal, "abort").length]).toEqual([0, 0, 0]);
  expect(ended).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_INVALID_ARGUMENT" } });
  return (ended as { reason: unknown }).reason;
}

const call = (): number => 1;
const value = call;

describe("options that are no good", () => {
  test.each<object>([
    ...[Number.NaN, 0, -1, 1.5, 2 ** 53].map((concurrency) => ({ concurrency })),
    ...["soon", "1", "1 s", "", Number.NaN, "1d"].map((deadline) => ({ deadline })),
    ...["soon", Number.NaN].map((timeout) => ({ timeout })),
    ...[Number.NaN, -1, 0.5, Infinity, 2 ** 53].map((retry) => ({ retry })),
    ...[Number.NaN, 0, -1, 1.5].map((attempts) => ({ retry: { attempts } })),
    ...[Number.NaN, -1, "soon", "-1s"].map((initial) => ({ retry: { backoff: { initial } } })),
    ...[Number.NaN, -1, "soon"].map((maximum) => ({ retry: { backoff: { maximum } } })),
    ...[Number.NaN, -0.1].map((ratio) => ({ retry: { budget: { ratio } } })),
    ...[Number.NaN, -1].map((minimum) => ({ retry: { budget: { minimum } } })),
    ...[Number.NaN, -0.1, 1.1, "0.5"].map((threshold) => ({ fallback: { value, threshold } })),
  ])("%o is a RangeError", async (options) => {
    expect(await rejection(options)).toBeInstanceOf(RangeError);
  });

  test.each<object>([
    ...["2", null, {}].map((concurrency) => ({ concurrency })),
    ...["2", null, true].map((retry) => ({ retry })),
    ...["2", null].map((attempts) => ({ retry: { attempts } })),
    ...["0.2", null].map((ratio) => ({ retry: { budget: { ratio } } })),
    ...["10", null].map((minimum) => ({ retry: { budget: { minimum } } })),
    { retry: { retryable: true } },
    { retry: { retryAfter: "1s" } },
    { fallback: {} },
    { fallback: { value: "cached" } },
    { onSettled: "log" },
    { signal: {} },
    { signal: null },
  ])("%o is a TypeError", async (options) => {
    expect(await rejection(options)).toBeInstanceOf(TypeError);
  });

  test.each([null, undefined, 5, {}])("inputs %j are a TypeError", async (inputs) => {
    const reason = await batch(inputs as Iterable<number>, call).catch((error: unknown) => error);
    expect(reason).toBeInstanceOf(TypeError);
    expect(reason).toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  });

  test.each([null, undefined, 5, {}])("call %j is a TypeError", async (noCall) => {
    const reason = await batch([1], noCall as typeof call).catch((error: unknown) => error);
    expect(reason).toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  });
});

describe("options at their limits", () => {
  test.each<BatchOptions<number, number>>([
    { concurrency: 1 },
    { concurrency: Infinity },
    { deadline: Infinity, timeout: Infinity },
    { retry: 0 },
    {
      retry: {
        attempts: Infinity,
        backoff: { initial: 0, maximum: Infinity },
        budget: { ratio: Infinity, minimum: 0 },
      },
    },
    { fallback: { value, threshold: 0 } },
    { fallback: { value, threshold: 1 } },
    { signal: undefined, clock: undefined, onSettled: undefined, fallback: undefined, collect: undefined },
  ])("%o is accepted", async (options) => {
    expect((await batch([1], call, options)).stats.ok).toBe(1);
  });
});

describe("types", () => {
  test("inputs and values flow from the arguments to the outcomes", async () => {
    const report = await batch(
      ["/a"],
      async (url, context) => {
        expectTypeOf(url).toEqualTypeOf<string>();
        expectTypeOf(context).toEqualTypeOf<Context>();
        return url.length;
      },
      {
        fallback: {
          value: (url, error) => {
            expectTypeOf(url).toEqualTypeOf<string>();
            expectTypeOf(error).toEqualTypeOf<unknown>();
            return 0;
          },
        },
        retry: { retryable: (_error, url) => url !== "/never", retryAfter: () => "1s" },
        onSettled: (outcome) => expectTypeOf(outcome).toEqualTypeOf<BatchOutcome<string, number>>(),
      },
    );
    expectTypeOf(report).toEqualTypeOf<BatchReport<string, number>>();
    expectTypeOf(report.outcomes[0]!.value).toEqualTypeOf<number | undefined>();
    expectTypeOf(report.outcomes[0]!.error).toEqualTypeOf<unknown>();
    expectTypeOf(report.outcomes[0]!.status).toEqualTypeOf<"ok" | "failed" | "fallback" | "skipped">();
    expectTypeOf<BatchRetry<string>["retryAfter"]>().toEqualTypeOf<
      ((error: unknown, input: string) => Duration | undefined) | undefined
    >();
  });

  test("what makes no sense does not compile", () => {
    const never = (): void => {
      // @ts-expect-error a stand-in must be of the values' type
      void batch([1], () => 1, { fallback: { value: () => "text" } });
      // @ts-expect-error not a duration
      void batch([1], () => 1, { deadline: "soon" });
      // @ts-expect-error a number of retries or an object
      void batch([1], () => 1, { retry: "2" });
      // @ts-expect-error there is no such option
      void batch([1], () => 1, { ordered: true });
      const report = {} as BatchReport<number, number>;
      // @ts-expect-error a report is not to be changed
      report.stats.ok = 2;
    };
    expectTypeOf(never).toBeFunction();
  });
});
