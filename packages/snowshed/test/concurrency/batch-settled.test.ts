import type { BatchOutcome, Context } from "snowshed";
import { batch } from "snowshed";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { deferred, drained, observe } from "../support/promises.ts";
import { numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const inputs = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const hang = (): Promise<never> => new Promise(() => {});

describe("`onSettled`", () => {
  test("is told of each outcome once, when it is final, and of the very object in the report", async () => {
    const told: [number, BatchOutcome<number, number>][] = [];
    const call = async (ms: number, context: Context): Promise<number> => {
      await context.sleep(ms);
      if (ms === 20) throw new Error("no");
      return ms;
    };
    const onSettled = (outcome: BatchOutcome<number, number>): unknown => told.push([clock.now(), outcome]);
    const report = batch([30, 10, 20, 40], call, { signal: root, deadline: 35, onSettled });
    await clock.advance(35);
    const { outcomes } = await report;
    expect(told.map(([when, { input, status }]) => [when, input, status])).toEqual([
      [10, 10, "ok"],
      [20, 20, "failed"],
      [30, 30, "ok"],
      [35, 40, "failed"],
    ]);
    for (const [, outcome] of told) expect(outcomes).toContain(outcome);
  });

  test("is told of the skipped ones, too", async () => {
    const told: string[] = [];
    const report = batch(inputs(4), hang, {
      signal: root,
      concurrency: 1,
      deadline: 10,
      onSettled: ({ input, status }) => told.push(`${input} ${status}`),
    });
    await clock.advance(10);
    await report;
    expect(told).toEqual(["0 failed", "1 skipped", "2 skipped", "3 skipped"]);
  });

  test("is told of failed ones only at the end when there is a fallback, of the others at once", async () => {
    const told: string[] = [];
    const call = async (input: number, context: Context): Promise<number> => {
      await context.sleep(input * 10);
      if (input === 0) throw new Error("no");
      return input;
    };
    const onSettled = ({ input, status }: BatchOutcome<number, number>): unknown =>
      told.push(`${input} ${status} at ${clock.now()}`);
    const report = batch(inputs(3), call, { signal: root, onSettled, fallback: { value: () => -1 } });
    await clock.advance(20);
    await report;
    expect(told).toEqual(["1 ok at 10", "2 ok at 20", "0 failed at 20"]);
  });

  test("is waited for while the call keeps its place: a slow consumer slows the batch down", async () => {
    const source = numbers("synchronous", 6);
    const ahead: number[] = [];
    let settled = 0;
    const onSettled = async (): Promise<void> => {
      ahead.push(source.pulled - settled);
      await root.sleep(100);
      settled++;
    };
    const report = batch(source.iterable, (input) => input, { signal: root, concurrency: 2, onSettled });
    await clock.advance("1m");
    expect((await report).stats).toMatchObject({ ok: 6, elapsed: 300 });
    expect(Math.max(...ahead)).toBe(2);
  });

  test("the negative control: what it does not return is not waited for", async () => {
    const onSettled = (): void => void root.sleep(100);
    const report = await batch(inputs(6), (input) => input, { signal: root, concurrency: 2, onSettled });
    expect(report.stats.elapsed).toBe(0);
    await clock.advance(100);
  });

  test("that is still at work holds the report back, also after the deadline", async () => {
    const gate = deferred();
    const report = observe(batch([1], hang, { signal: root, deadline: 10, onSettled: () => gate.promise }));
    await clock.advance(50);
    expect(report.outcome.status).toBe("pending");
    gate.resolve();
    await drained();
    expect(report.outcome).toMatchObject({ status: "fulfilled", value: { stats: { failed: 1, elapsed: 50 } } });
  });

  test("does not lengthen the duration of its call", async () => {
    const report = batch([1], () => 1, { signal: root, onSettled: () => root.sleep(500) });
    await clock.advance(500);
    expect((await report).outcomes[0]!.duration).toBe(0);
  });
});

describe("an `onSettled` that throws", () => {
  test.each(["throws", "rejects"])(
    "and %s cancels the calls at once, starts none, and rejects with the error",
    async (way) => {
      const error = new Error("the disk is full");
      let calls = 0;
      let canceled: unknown;
      const call = async (input: number, context: Context): Promise<number> => {
        calls++;
        if (input === 0) return input;
        context.onAbort(() => {
          canceled = context.cause;
        });
        return hang();
      };
      const onSettled = (): Promise<never> => {
        if (way === "throws") throw error;
        return Promise.reject(error);
      };
      const report = observe(batch(numbers("synchronous").iterable, call, { signal: root, concurrency: 3, onSettled }));
      await drained();
      expect(report.outcome).toEqual({ status: "rejected", reason: error });
      expect(canceled).toBe(error);
      expect(calls).toBe(3);
    },
  );

  test("waits for those that still run, starts no more calls meanwhile, and reports nothing further", async () => {
    const error = new Error("the disk is full");
    const told: number[] = [];
    const ended: number[] = [];
    const onSettled = async ({ input }: BatchOutcome<number, number>): Promise<void> => {
      told.push(input);
      if (input === 1) throw error;
      await root.sleep(100);
      ended.push(input);
    };
    const source = numbers("synchronous");
    const report = observe(batch(source.iterable, (input) => input, { signal: root, concurrency: 3, onSettled }));
    await clock.advance(99);
    expect(report.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(report.outcome).toEqual({ status: "rejected", reason: error });
    expect([told, ended]).toEqual([
      [0, 1, 2],
      [0, 2],
    ]);
    expect([source.pulled, source.closed]).toEqual([3, 1]);
  });

  test("loses to the first one that threw", async () => {
    const onSettled = ({ input }: BatchOutcome<number, number>): never => {
      throw new Error(`consumer ${input}`);
    };
    await expect(batch(inputs(5), (input) => input, { onSettled })).rejects.toThrow("consumer 0");
  });

  test("and throws undefined has thrown", async () => {
    const onSettled = (): never => {
      throw undefined;
    };
    expect(await observeSettled(batch([1], () => 1, { onSettled }))).toEqual({ status: "rejected", reason: undefined });
  });

  test("at a skipped outcome, or at one of a fallback, ends it there", async () => {
    for (const broken of ["skipped", "fallback"]) {
      const told: string[] = [];
      const onSettled = ({ status }: BatchOutcome<number, string>): void => {
        told.push(status);
        if (status === broken) throw new Error("enough");
      };
      const fallback = { value: () => "cached" };
      const options = { signal: root, concurrency: 1, deadline: 10, onSettled, fallback };
      const report = observe(batch(inputs(3), hang, options));
      await clock.advance(10);
      expect(report.outcome).toEqual({ status: "rejected", reason: new Error("enough") });
      expect(told).toEqual(broken === "skipped" ? ["skipped"] : ["skipped", "skipped", "fallback"]);
    }
  });

  async function observeSettled(promise: Promise<unknown>): Promise<unknown> {
    const observed = observe(promise);
    await drained();
    return observed.outcome;
  }
});

describe.each(sourceKinds)("`collect: false` over a source that is %s", (kind) => {
  test("keeps no outcome, and counts all the same", async () => {
    let told = 0;
    const report = await batch(numbers(kind, 1000).iterable, (input) => input, {
      collect: false,
      onSettled: () => told++,
    });
    expect(report).toMatchObject({ outcomes: [], stats: { total: 1000, ok: 1000 } });
    expect(told).toBe(1000);
  });

  test("reads an endless source no further than its places, for as long as it takes", async () => {
    const source = numbers(kind);
    const context = root.withCancel();
    let settled = 0;
    let most = 0;
    const report = batch(source.iterable, () => drained(), {
      signal: context,
      concurrency: 4,
      collect: false,
      onSettled: async () => {
        most = Math.max(most, source.pulled - settled);
        await drained();
        if (++settled === 2000) context.cancel();
      },
    });
    const { stats } = await report;
    expect(stats.total).toBeGreaterThanOrEqual(2000);
    expect(stats.total).toBeLessThanOrEqual(2004);
    expect(most).toBeLessThanOrEqual(4);
    await drained();
    expect(source.closed).toBe(1);
  });
});

describe("garbage", () => {
  const firstInput = (collect: boolean): Promise<boolean> => {
    let first: WeakRef<object> | undefined;
    let keepAlive: Promise<unknown> | undefined;
    const gate = deferred();
    return collected(
      async () => {
        // Without a variable for the input, which the generator would keep.
        const make = (): { value: object } => {
          const input = { value: {} };
          first ??= new WeakRef(input);
          return input;
        };
        function* source(): Generator<{ value: object }> {
          for (let count = 0; count < 20; count++) yield make();
        }
        let settled = 0;
        const onSettled = (): unknown => (++settled > 15 ? gate.promise : undefined);
        keepAlive = batch(source(), ({ value }) => value, { collect, concurrency: 2, onSettled });
        await drained();
        return first!;
      },
      collect ? 3 : 10,
    ).finally(() => {
      gate.resolve();
      return keepAlive;
    });
  };

  test("an input and its value can be collected while the batch runs on, with collect: false", async () => {
    expect(await firstInput(false)).toBe(true);
  });

  test("the negative control: with outcomes collected they cannot", async () => {
    expect(await firstInput(true)).toBe(false);
  });
});
