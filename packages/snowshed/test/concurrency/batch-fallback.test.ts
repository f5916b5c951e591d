import type { Context } from "snowshed";
import { batch, DeadlineExceededError } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";
import { numbers } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const inputs = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const hang = (): Promise<never> => new Promise(() => {});

/** The first `failing` of `total` calls fail. */
async function statuses(failing: number, total: number, threshold?: number): Promise<string> {
  const call = (input: number): number => {
    if (input < failing) throw new Error(`no ${input}`);
    return input;
  };
  const report = await batch(inputs(total), call, { fallback: { value: (input) => -input, threshold } });
  expect(report.degraded).toBe(report.stats.fallback > 0);
  const seen = new Set(report.outcomes.map(({ status }) => status));
  return [...seen].toSorted().join();
}

describe("the threshold", () => {
  test("is half by default: exactly half failed is not enough, one more is", async () => {
    expect(await statuses(5, 10)).toBe("failed,ok");
    expect(await statuses(6, 10)).toBe("fallback,ok");
    expect(await statuses(1, 2)).toBe("failed,ok");
    expect(await statuses(1, 1)).toBe("fallback");
    expect(await statuses(2, 3)).toBe("fallback,ok");
    expect(await statuses(0, 3)).toBe("ok");
  });

  test("of 0 means any failure, of 1 means never", async () => {
    expect(await statuses(1, 100, 0)).toBe("fallback,ok");
    expect(await statuses(0, 100, 0)).toBe("ok");
    expect(await statuses(3, 3, 1)).toBe("failed");
  });

  test("is exact at every percentage: reached is not exceeded", async () => {
    for (let percent = 1; percent < 100; percent++) {
      expect(await statuses(percent, 100, percent / 100)).toBe("failed,ok");
      expect(await statuses(percent + 1, 100, percent / 100)).toMatch(/^fallback/);
    }
  });

  test("counts the calls that were made, not those that were skipped", async () => {
    // One fails and one succeeds before the deadline; the third is running then; seven are skipped.
    const call = async (input: number, context: Context): Promise<number> => {
      if (input === 0) throw new Error("no 0");
      await context.sleep(input === 1 ? 10 : 1000);
      return input;
    };
    const fallback = { value: (input: number) => -input };
    const report = batch(inputs(10), call, { signal: root, concurrency: 1, deadline: 100, fallback });
    await clock.advance(100);
    // 2 of 3 failed, although only 2 of 10 inputs.
    expect((await report).outcomes.map(({ status, value }) => [status, value])).toEqual([
      ["fallback", -0],
      ["ok", 1],
      ["fallback", -2],
      ...Array.from({ length: 7 }, () => ["skipped", undefined]),
    ]);
  });

  test("is not looked at before the end: failures come in first, and are no more than half after all", async () => {
    let asked = 0;
    const call = async (input: number, context: Context): Promise<number> => {
      await context.sleep(input);
      if (input < 4) throw new Error("early");
      return input;
    };
    const report = batch(inputs(10), call, { signal: root, fallback: { value: () => asked++ } });
    await clock.advance(10);
    expect((await report).stats).toMatchObject({ failed: 4, ok: 6, fallback: 0 });
    expect(asked).toBe(0);
  });
});

describe("a stand-in", () => {
  test("is marked as such, keeps the error, the attempts and the duration of the call, and degrades the report", async () => {
    const error = new Error("no answer");
    const call = async (_input: string, context: Context): Promise<string> => {
      await context.sleep(10);
      throw error;
    };
    const fallback = { value: () => root.sleep(500).then(() => "from the cache") };
    const report = batch(["/a"], call, { signal: root, fallback, retry: { attempts: 2, backoff: { initial: 0 } } });
    await clock.advance("1m");
    expect(await report).toEqual({
      outcomes: [{ input: "/a", status: "fallback", value: "from the cache", error, attempts: 2, duration: 20 }],
      degraded: true,
      stats: { total: 1, ok: 0, failed: 0, fallback: 1, skipped: 0, timedOut: 0, retried: 1, elapsed: 520 },
    });
  });

  test("is asked for once per failed call, with its input and error, and for no other call", async () => {
    const asked: unknown[] = [];
    const call = (input: number): number => {
      if (input !== 2) throw new Error(`no ${input}`);
      return input;
    };
    const value = (...given: unknown[]): number => asked.push(given);
    await batch(inputs(4), call, { fallback: { value } });
    expect(asked).toEqual([
      [0, new Error("no 0")],
      [1, new Error("no 1")],
      [3, new Error("no 3")],
    ]);
  });

  test("may be undefined, and is a value then", async () => {
    const report = await batch([1], () => Promise.reject(new Error("no")), { fallback: { value: () => undefined } });
    expect(report.outcomes[0]).toMatchObject({ status: "fallback", value: undefined });
    expect(report.degraded).toBe(true);
  });

  test("is called as a method of `fallback`", async () => {
    class Cache {
      readonly answers = new Map([[1, "cached"]]);
      value(input: number): string {
        return this.answers.get(input)!;
      }
    }
    const call = (): string => {
      throw new Error("no");
    };
    expect((await batch([1], call, { fallback: new Cache() })).outcomes[0]!.value).toBe("cached");
  });

  test("that is not there leaves the call failed, with the call's own error", async () => {
    const call = (input: number): never => {
      throw new Error(`no ${input}`);
    };
    const value = (input: number): number => {
      if (input === 1) throw new Error("cache miss");
      return -input;
    };
    const report = await batch(inputs(3), call, { fallback: { value } });
    expect(report.outcomes.map(({ status, error }) => [status, (error as Error).message])).toEqual([
      ["fallback", "no 0"],
      ["failed", "no 1"],
      ["fallback", "no 2"],
    ]);
    expect(report.stats).toMatchObject({ fallback: 2, failed: 1 });
    const rejecting = { value: () => Promise.reject(new Error("cache down")) };
    expect(await batch(inputs(3), call, { fallback: rejecting })).toMatchObject({
      degraded: false,
      stats: { fallback: 0, failed: 3 },
    });
  });

  test("is looked up for at most `concurrency` calls at a time", async () => {
    let alive = 0;
    let most = 0;
    const value = async (): Promise<void> => {
      most = Math.max(most, ++alive);
      await root.sleep(5);
      alive--;
    };
    const call = (): never => {
      throw new Error("no");
    };
    const report = batch(inputs(20), call, { signal: root, concurrency: 3, fallback: { value } });
    await clock.advance("1m");
    expect((await report).stats.fallback).toBe(20);
    expect(most).toBe(3);
  });

  test("is used for calls that timed out and that the deadline cut off, which still count as timed out", async () => {
    const report = batch(inputs(4), hang, {
      signal: root,
      concurrency: 2,
      timeout: 50,
      deadline: 100,
      fallback: { value: () => "cached" },
    });
    await clock.advance(100);
    const { outcomes, stats } = await report;
    expect(outcomes.map(({ status }) => status)).toEqual(["fallback", "fallback", "skipped", "skipped"]);
    for (const { error } of outcomes) expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(stats).toMatchObject({ fallback: 2, skipped: 2, timedOut: 2 });
  });

  test("is used when the deadline is the signal's: it may come after it", async () => {
    const context = root.withTimeout(100);
    const fallback = { value: () => root.sleep(50).then(() => "cached") };
    const report = batch([1], hang, { signal: context, fallback });
    await clock.advance(150);
    expect((await report).outcomes[0]).toMatchObject({ status: "fallback", value: "cached", duration: 100 });
  });

  test("is not taken away by a deadline that passes while it is looked up, the batch's or the signal's", async () => {
    const call = (): never => {
      throw new Error("no");
    };
    const fallback = { value: () => root.sleep(50).then(() => "cached") };
    for (const options of [
      () => ({ signal: root, deadline: 20 }),
      () => ({ signal: root.withTimeout(20), deadline: Infinity }),
    ]) {
      const report = batch([1], call, { ...options(), fallback });
      await clock.advance(50);
      expect((await report).outcomes[0]).toMatchObject({ status: "fallback", value: "cached" });
    }
  });

  test("is not taken away by the source that fails after the end", async () => {
    async function* late(): AsyncGenerator<number> {
      yield 1;
      await root.sleep(120);
      throw new Error("the source broke");
    }
    const fallback = { value: () => root.sleep(50).then(() => "cached") };
    const report = batch(late(), hang, { signal: root, deadline: 100, fallback });
    await clock.advance(150);
    expect((await report).stats).toMatchObject({ total: 1, fallback: 1 });
  });

  test("is asked for no more once onSettled has thrown", async () => {
    const asked: number[] = [];
    const onSettled = (): never => {
      throw new Error("enough");
    };
    const call = (): never => {
      throw new Error("no");
    };
    const fallback = { value: (input: number) => asked.push(input) };
    await expect(batch(inputs(3), call, { concurrency: 1, onSettled, fallback })).rejects.toThrow("enough");
    expect(asked).toEqual([0]);
  });

  test("is given out with collect: false, too", async () => {
    const seen: unknown[] = [];
    const call = (): never => {
      throw new Error("no");
    };
    const report = await batch(numbers("asynchronous", 3).iterable, call, {
      collect: false,
      fallback: { value: (input) => -input },
      onSettled: ({ status, value }) => seen.push([status, value]),
    });
    expect(seen).toEqual([
      ["fallback", -0],
      ["fallback", -1],
      ["fallback", -2],
    ]);
    expect(report).toMatchObject({ outcomes: [], degraded: true, stats: { total: 3, fallback: 3 } });
  });
});

describe("a batch that its caller gave up", () => {
  test("before the end asks for no stand-ins", async () => {
    const context = root.withCancel();
    let asked = 0;
    const report = batch(inputs(3), hang, { signal: context, concurrency: 2, fallback: { value: () => asked++ } });
    await drained();
    context.cancel();
    expect((await report).stats).toMatchObject({ failed: 2, skipped: 1, fallback: 0 });
    expect(asked).toBe(0);
  });

  test("while stand-ins are looked up waits for none, and asks for no more", async () => {
    const context = root.withCancel();
    const asked: number[] = [];
    const value = (input: number): Promise<string> | string => {
      asked.push(input);
      return input === 0 ? "quick" : hang();
    };
    const call = (): never => {
      throw new Error("no");
    };
    const report = observe(batch(inputs(4), call, { signal: context, concurrency: 2, fallback: { value } }));
    await drained();
    expect(report.outcome.status).toBe("pending");
    context.cancel();
    await drained();
    expect(report.outcome).toMatchObject({
      status: "fulfilled",
      value: { stats: { total: 4, fallback: 1, failed: 3 }, degraded: true },
    });
    expect(asked).toEqual([0, 1, 2]);
  });
});
