import { batch, Context } from "snowshed";
import type { BatchRetry } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

let clock: FakeClock;
let root: Context;

beforeEach(() => {
  clock = new FakeClock();
  root = Context.root({ clock });
});

afterEach(() => {
  expect(clock.pending).toBe(0);
});

const inputs = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const unlimited = { ratio: 0, minimum: Number.POSITIVE_INFINITY };
const error = new Error("try again");

function fail(): never {
  throw error;
}

async function finished<T>(promise: Promise<T>): Promise<T> {
  const settled = observe(promise);
  await clock.advance("10h");
  expect(settled.outcome.status).not.toBe("pending");
  return promise;
}

/** When each attempt of one call that always fails begins. */
async function attemptTimes(retry: BatchRetry<string>, deadline?: number): Promise<number[]> {
  const times: number[] = [];
  const call = (): never => {
    times.push(clock.now());
    throw error;
  };
  await finished(batch(["input"], call, { signal: root, retry, deadline }));
  return times;
}

describe("`retry`", () => {
  test.each([
    [undefined, 1],
    [0, 1],
    [1, 2],
    [4, 5],
    [{}, 2],
    [{ attempts: 1 }, 1],
    [{ attempts: 4 }, 4],
  ] as const)("of %j makes %d attempts at most", async (retry, attempts) => {
    let calls = 0;
    const call = (): never => {
      calls++;
      throw error;
    };
    const report = await finished(batch(["input"], call, { signal: root, retry }));
    expect(report.outcomes[0]).toMatchObject({ status: "failed", attempts, error });
    expect(calls).toBe(attempts);
    expect(report.stats.retried).toBe(attempts > 1 ? 1 : 0);
  });

  test("stops at the first success, and reports the last error otherwise", async () => {
    const attempts = [0, 0];
    const call = (input: number): string => {
      attempts[input]!++;
      if (input === 0 && attempts[input] === 2) return "second time";
      throw new Error(`attempt ${attempts[input]}`);
    };
    const report = await finished(batch([0, 1], call, { signal: root, retry: 2 }));
    expect(report.outcomes[0]).toMatchObject({ status: "ok", value: "second time", attempts: 2 });
    expect(report.outcomes[1]).toMatchObject({ status: "failed", error: new Error("attempt 3"), attempts: 3 });
    expect(report.stats).toMatchObject({ ok: 1, failed: 1, retried: 2 });
  });

  test("is told what failed with which input, and `retryable: false` ends it", async () => {
    const asked: unknown[] = [];
    const retryable = (thrown: unknown, input: number): boolean => {
      asked.push([thrown, input]);
      return input === 1;
    };
    const call = (input: number): never => {
      throw new Error(`failed ${input}`);
    };
    const report = await finished(batch([0, 1], call, { signal: root, retry: { attempts: 2, retryable } }));
    expect(report.outcomes.map(({ attempts }) => attempts)).toEqual([1, 2]);
    // Not asked after the last attempt: there is nothing to decide.
    expect(asked).toEqual([
      [new Error("failed 0"), 0],
      [new Error("failed 1"), 1],
    ]);
  });

  test.each(["retryable", "retryAfter"] as const)(
    "a %s that throws fails that call with both errors, and no other",
    async (option) => {
      const thrown = new TypeError("error.response is undefined");
      const decide = (_error: unknown, input: number): undefined => {
        if (input === 0) throw thrown;
      };
      const retry = { attempts: 2, [option]: decide } as unknown as BatchRetry<number>;
      const call = (input: number): number => {
        if (input < 2) throw error;
        return input;
      };
      const report = await finished(batch([0, 1, 2], call, { signal: root, retry }));
      expect(report.outcomes.map(({ status, attempts }) => [status, attempts])).toEqual([
        ["failed", 1],
        ["failed", 2],
        ["ok", 1],
      ]);
      expect((report.outcomes[0]!.error as AggregateError).errors).toEqual([error, thrown]);
    },
  );

  test("a retryAfter that is no duration does not take the batch down", async () => {
    const retry = { retryAfter: () => Number("soon") };
    const report = await finished(batch([0, 1], (input) => input || fail(), { signal: root, retry }));
    expect(report.stats).toMatchObject({ ok: 1, failed: 1 });
  });

  test("keeps its place while it waits", async () => {
    const log: string[] = [];
    const call = (input: number): void => {
      log.push(`${input} at ${clock.now()}`);
      if (input === 0 && log.length === 1) throw error;
    };
    const retry = { retryAfter: () => 500 };
    await finished(batch([0, 1], call, { signal: root, concurrency: 1, retry }));
    expect(log).toEqual(["0 at 0", "0 at 500", "1 at 500"]);
  });
});

describe("the pause before an attempt", () => {
  test("is random()·min(max, base·2^(n−1)): full jitter, of the injected clock", async () => {
    const retry = { attempts: 8, backoff: { initial: 100, maximum: 2000 }, budget: unlimited };
    for (let seed = 1; seed <= 20; seed++) {
      clock = new FakeClock({ seed });
      root = Context.root({ clock });
      const twin = new FakeClock({ seed });
      const expected = [0];
      for (let attempt = 1; attempt < 8; attempt++) {
        expected.push(expected.at(-1)! + twin.random() * Math.min(2000, 100 * 2 ** (attempt - 1)));
      }
      const times = await attemptTimes(retry);
      expect(times).toHaveLength(8);
      times.forEach((time, index) => expect(time).toBeCloseTo(expected[index]!, 6));
    }
  });

  test("is base 100 ms and at most 10 s by default, and uses the whole of its range", async () => {
    const pauses = Array.from({ length: 12 }, () => [] as number[]);
    for (let seed = 1; seed <= 200; seed++) {
      clock = new FakeClock({ seed });
      root = Context.root({ clock });
      const times = await attemptTimes({ attempts: 13, budget: unlimited });
      pauses.forEach((of, index) => of.push(times[index + 1]! - times[index]!));
    }
    pauses.forEach((of, index) => {
      const most = Math.min(10_000, 100 * 2 ** index);
      expect(Math.min(...of)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...of)).toBeLessThan(most);
      expect(Math.min(...of)).toBeLessThan(most * 0.1);
      expect(Math.max(...of)).toBeGreaterThan(most * 0.9);
    });
  });

  test("is none with a base of 0, also after a thousand attempts", async () => {
    const retry = { attempts: 1100, backoff: { initial: 0 }, budget: unlimited };
    expect((await attemptTimes(retry)).at(-1)).toBe(0);
  });

  test("is at least what the error asks for, and the jitter if that is more", async () => {
    expect(await attemptTimes({ attempts: 3, retryAfter: () => "2s" })).toEqual([0, 2000, 4000]);
    clock = new FakeClock();
    root = Context.root({ clock });
    const jitter = new FakeClock().random() * 10_000;
    const [, second] = await attemptTimes({ backoff: { initial: 10_000 }, retryAfter: () => 1 });
    expect(second).toBeCloseTo(jitter, 6);
    expect(jitter).toBeGreaterThan(1);
  });

  test("asks for nothing when retryAfter says undefined", async () => {
    const times = await attemptTimes({ backoff: { initial: 0 }, retryAfter: () => undefined });
    expect(times).toEqual([0, 0]);
  });

  test("that would end at the deadline or after it is not begun: the call fails with its own error at once", async () => {
    for (const [wait, attempts] of [
      [999, 2],
      [1000, 1],
      [1001, 1],
      [Infinity, 1],
    ] as const) {
      clock = new FakeClock();
      root = Context.root({ clock });
      const retry = { backoff: { initial: 0 }, retryAfter: () => wait };
      const report = await finished(batch(["input"], fail, { signal: root, deadline: 1000, retry }));
      expect(report.outcomes[0]).toMatchObject({ attempts, error });
      expect(report.stats).toMatchObject({ timedOut: 0, elapsed: attempts === 2 ? 999 : 0 });
    }
  });

  test("never puts an attempt past the deadline, whatever the seed", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      clock = new FakeClock({ seed });
      root = Context.root({ clock });
      const times = await attemptTimes({ attempts: Number.POSITIVE_INFINITY, budget: unlimited }, 3000);
      expect(times.at(-1)).toBeLessThan(3000);
    }
  });

  test("ends with the caller's abort, at once, and the outcome keeps the error of the last attempt", async () => {
    const context = root.withCancel();
    const report = observe(batch(["input"], fail, { signal: context, retry: { retryAfter: () => "1h" } }));
    await drained();
    context.cancel();
    await drained();
    expect(report.outcome).toMatchObject({
      status: "fulfilled",
      value: { outcomes: [{ status: "failed", attempts: 1, error }] },
    });
  });

  test("begins when the timed-out body has ended, and a deadline meanwhile keeps the timeout as the error", async () => {
    const stubborn = (): Promise<void> => root.sleep(900);
    const retry = { retryAfter: () => 300 };
    const report = await finished(batch(["input"], stubborn, { signal: root, timeout: 100, deadline: 1000, retry }));
    expect(report.outcomes[0]).toMatchObject({ status: "failed", attempts: 1, duration: 1000 });
    expect(report.stats).toMatchObject({ timedOut: 1, elapsed: 1000 });
  });
});

describe("the budget", () => {
  /** How many retries `count` calls that always fail are granted. */
  async function retries(count: number, budget: BatchRetry<number>["budget"], concurrency = count): Promise<number> {
    clock = new FakeClock();
    root = Context.root({ clock });
    let calls = 0;
    const call = (): never => {
      calls++;
      throw error;
    };
    const retry = { attempts: Number.POSITIVE_INFINITY, backoff: { initial: 0 }, budget };
    await finished(batch(inputs(count), call, { signal: root, concurrency, retry }));
    return calls - count;
  }

  test("grants `minimum`, plus `ratio` for each input, to all calls together", async () => {
    expect(await retries(1, { minimum: 3, ratio: 0 })).toBe(3);
    expect(await retries(20, { minimum: 3, ratio: 0 })).toBe(3);
    expect(await retries(20, { minimum: 0, ratio: 0 })).toBe(0);
    expect(await retries(20, { minimum: 0, ratio: 0.5 })).toBe(10);
    expect(await retries(20, { minimum: 2, ratio: 0.25 })).toBe(7);
    expect(await retries(7, { minimum: 0.5, ratio: 0.5 })).toBe(4);
  });

  test("is a minimum of 10 and a ratio of 0.2 by default", async () => {
    expect(await retries(50, undefined)).toBe(20);
    expect(await retries(50, {})).toBe(20);
    expect(await retries(50, { ratio: 0 })).toBe(10);
    expect(await retries(50, { minimum: 0 })).toBe(10);
  });

  test("is exact: ten tenths are one", async () => {
    for (let tenths = 1; tenths <= 30; tenths++) {
      expect(await retries(tenths * 10, { minimum: 0, ratio: 0.1 })).toBe(tenths);
    }
  });

  test("keeps `minimum + concurrency` unused ones at most: a long quiet time pays for no storm", async () => {
    let calls = 0;
    // A thousand that succeed, and then a hundred that fail.
    const call = (input: number): void => {
      calls++;
      if (input >= 1000) throw error;
    };
    const retry = { attempts: 2, backoff: { initial: 0 }, budget: { minimum: 5, ratio: 1 } };
    await finished(batch(inputs(1100), call, { signal: root, concurrency: 3, retry }));
    // Of each of the hundred the ratio pays for one, too.
    expect(calls - 1100).toBe(100);
    calls = 0;
    const poorer = { ...retry, budget: { minimum: 5, ratio: 0.1 } };
    await finished(batch(inputs(1100), call, { signal: root, concurrency: 3, retry: poorer }));
    expect(calls - 1100).toBeGreaterThanOrEqual(5 + 3);
    expect(calls - 1100).toBeLessThanOrEqual(5 + 3 + 10);
  });

  test("is not drawn on by calls whose retry is refused anyway", async () => {
    const calls = new Map<number, number>();
    const call = (input: number): never => {
      calls.set(input, (calls.get(input) ?? 0) + 1);
      throw error;
    };
    const retry: BatchRetry<number> = {
      backoff: { initial: 0 },
      budget: { minimum: 1, ratio: 0 },
      retryable: (_error, input) => input !== 0,
      retryAfter: (_error, input) => (input === 1 ? "1h" : undefined),
    };
    await finished(batch(inputs(4), call, { signal: root, concurrency: 1, deadline: "1m", retry }));
    expect([...calls]).toEqual([
      [0, 1],
      [1, 1],
      [2, 2],
      [3, 1],
    ]);
  });

  test("is one per batch", async () => {
    expect(await retries(5, { minimum: 2, ratio: 0 })).toBe(2);
    expect(await retries(5, { minimum: 2, ratio: 0 })).toBe(2);
  });
});
