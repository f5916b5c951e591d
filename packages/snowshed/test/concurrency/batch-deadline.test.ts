import type { Context } from "snowshed";
import { batch, CanceledError, DeadlineExceededError } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe } from "../support/promises.ts";
import { countedSource, numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const hang = (): Promise<never> => new Promise(() => {});
const inputs = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("`deadline`", () => {
  test("brings the report at that time, although the calls ignore their signal", async () => {
    const ended = observe(batch(inputs(5), hang, { signal: root, concurrency: 2, deadline: "8s" }));
    await clock.advance(7999);
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(ended.outcome).toMatchObject({
      status: "fulfilled",
      value: { stats: { total: 5, failed: 2, skipped: 3, timedOut: 2, elapsed: 8000 } },
    });
  });

  test("fails the running calls with DeadlineExceededError and skips the rest with it", async () => {
    const call = (input: number, context: Context): Promise<void> => context.sleep(input === 0 ? 10 : "1h");
    const report = batch(inputs(4), call, { signal: root, concurrency: 2, deadline: 100 });
    await clock.advance(100);
    const { outcomes } = await report;
    expect(outcomes.map(({ status, attempts, duration }) => [status, attempts, duration])).toEqual([
      ["ok", 1, 10],
      ["failed", 1, 100],
      ["failed", 1, 90],
      ["skipped", 0, 0],
    ]);
    for (const { error } of outcomes.slice(1)) expect(error).toBeInstanceOf(DeadlineExceededError);
  });

  test("starts nothing after it, although places become free", async () => {
    let started = 0;
    const gate = deferred();
    const call = async (): Promise<void> => {
      started++;
      await gate.promise;
    };
    const report = batch(inputs(5), call, { signal: root, concurrency: 2, deadline: 100 });
    await clock.advance(100);
    await report;
    gate.resolve();
    await clock.advance(100);
    expect(started).toBe(2);
  });

  test.each([0, -5, "-1s"] as const)("of %j skips everything and calls nobody", async (deadline) => {
    let calls = 0;
    const source = numbers("synchronous");
    const { stats } = await batch([1, 2, 3], () => calls++, { signal: root, deadline });
    expect(stats).toEqual({
      total: 3,
      ok: 0,
      failed: 0,
      fallback: 0,
      skipped: 3,
      timedOut: 0,
      retried: 0,
      elapsed: 0,
    });
    await batch(source.iterable, () => calls++, { signal: root, deadline });
    expect([calls, source.opened]).toEqual([0, 0]);
  });

  test("that the signal's context brings holds, too, and the earlier one wins", async () => {
    for (const [own, parents] of [
      [100, 500],
      [500, 100],
      [Infinity, 100],
    ] as const) {
      const context = root.withTimeout(parents);
      const report = batch([1], hang, { signal: context, deadline: own });
      const before = clock.now();
      await clock.advance(100);
      expect((await report).outcomes[0]!.error).toBeInstanceOf(DeadlineExceededError);
      expect(clock.now() - before).toBe(100);
      context.cancel();
    }
  });

  test("travels to the calls as their context's remaining time", async () => {
    const remaining: number[] = [];
    const call = async (_input: number, context: Context): Promise<void> => {
      remaining.push(context.remaining());
      await context.sleep(40);
    };
    const report = batch(inputs(3), call, { signal: root, concurrency: 1, deadline: 100, timeout: 70 });
    await clock.advance(100);
    await report;
    expect(remaining).toEqual([70, 60, 20]);
  });

  test.each(sourceKinds)("closes a source that is %s once, and reads no further", async (kind) => {
    const source = numbers(kind);
    const report = batch(source.iterable, (_input, context) => context.sleep(30), {
      signal: root,
      concurrency: 2,
      deadline: 100,
    });
    await clock.advance(100);
    const { stats } = await report;
    await clock.advance(100);
    expect(stats).toMatchObject({ total: 8, ok: 6, failed: 2, skipped: 0 });
    expect([source.opened, source.pulled, source.closed]).toEqual([1, 8, 1]);
  });

  test("does not wait for a source that never answers", async () => {
    async function* silent(): AsyncGenerator<number> {
      yield 1;
      await hang();
    }
    const report = observe(batch(silent(), () => "ok", { signal: root, deadline: 100 }));
    await clock.advance(100);
    expect(report.outcome).toMatchObject({ status: "fulfilled", value: { stats: { total: 1, ok: 1 } } });
  });

  test("does not count what the source answers after it", async () => {
    async function* late(): AsyncGenerator<number> {
      yield 1;
      await root.sleep(150);
      yield 2;
    }
    // The stand-in takes until after the late answer.
    const fallback = { value: () => root.sleep(100).then(() => "stand-in") };
    const report = observe(batch(late(), hang, { signal: root, deadline: 100, fallback }));
    await clock.advance(200);
    expect(report.outcome).toMatchObject({
      status: "fulfilled",
      value: { outcomes: [{ input: 1, status: "fallback" }], stats: { total: 1, fallback: 1 } },
    });
  });

  test("is no CanceledError to the calls, the caller's abort is", async () => {
    const reasons: unknown[] = [];
    const call = (_input: number, context: Context): Promise<void> => {
      context.onAbort((reason) => reasons.push(reason));
      return hang();
    };
    const context = root.withCancel();
    void batch([1], call, { signal: root, deadline: 10 });
    void batch([1], call, { signal: context, deadline: 20 });
    await clock.advance(10);
    context.cancel();
    await drained();
    expect(reasons).toEqual([expect.any(DeadlineExceededError), expect.any(CanceledError)]);
  });
});

describe("`timeout`", () => {
  test("counts from the start of each attempt, not from the start of the batch", async () => {
    const call = (_input: number, context: Context): Promise<void> => context.sleep(90);
    const report = batch(inputs(3), call, { signal: root, concurrency: 1, timeout: 100 });
    await clock.advance(270);
    expect((await report).stats).toMatchObject({ ok: 3, timedOut: 0 });
  });

  test("counts anew for the second attempt, without the pause before it", async () => {
    const starts: number[] = [];
    const aborts: number[] = [];
    const call = async (_input: string, context: Context): Promise<void> => {
      starts.push(clock.now());
      context.onAbort(() => aborts.push(clock.now()));
      await context.sleep("1h");
    };
    const retry = { attempts: 3, backoff: { initial: 40 } };
    const report = batch(["input"], call, { signal: root, timeout: 100, retry });
    await clock.advance("1m");
    expect((await report).outcomes[0]).toMatchObject({ status: "failed", attempts: 3 });
    expect(aborts).toEqual(starts.map((start) => start + 100));
    expect(starts[1]).toBeGreaterThan(100);
  });

  test("fails the call at that time although it ignores its signal", async () => {
    const settled: number[] = [];
    const report = batch([1], hang, { signal: root, timeout: "3s", onSettled: () => settled.push(clock.now()) });
    await clock.advance("3s");
    expect((await report).outcomes[0]).toMatchObject({
      status: "failed",
      attempts: 1,
      duration: 3000,
      error: expect.any(DeadlineExceededError) as unknown,
    });
    expect(settled).toEqual([3000]);
  });

  test("is met by a call that ends just before it and missed by one that ends just after", async () => {
    const report = batch([99, 101], (ms, context) => context.sleep(ms), { signal: root, timeout: 100 });
    await clock.advance(101);
    expect((await report).outcomes.map(({ status }) => status)).toEqual(["ok", "failed"]);
  });

  test("counts as timed out whatever the call itself makes of it", async () => {
    const call = async (_input: number, context: Context): Promise<void> => {
      await context.sleep("1h").catch(() => {
        throw new Error("a message of the client's own");
      });
    };
    const report = batch([1], call, { signal: root, timeout: 100 });
    await clock.advance(100);
    expect((await report).stats).toMatchObject({ failed: 1, timedOut: 1 });
  });

  test("has a timer only while its attempt runs: the next call finds that of the last one gone", async () => {
    const contexts: Context[] = [];
    const timers: number[] = [];
    const call = async (_input: number, context: Context): Promise<void> => {
      expect(contexts.every(({ aborted }) => aborted)).toBe(true);
      contexts.push(context);
      timers.push(clock.pending);
      await context.sleep(5);
    };
    const report = batch(inputs(5), call, { signal: root, concurrency: 1, timeout: "1h", deadline: "2h" });
    await clock.advance(25);
    expect((await report).stats.ok).toBe(5);
    // As many at the fifth call as at the first.
    expect(new Set(timers).size).toBe(1);
  });

  test("does not run on while onSettled takes its time", async () => {
    const call = (): string => "at once";
    const report = batch([1], call, { signal: root, timeout: 100, onSettled: () => root.sleep(500) });
    await clock.advance(500);
    expect((await report).outcomes[0]).toMatchObject({ status: "ok", duration: 0 });
  });
});

describe("a place", () => {
  test("is kept by a body that goes on after its timeout: never more than n alive", async () => {
    let alive = 0;
    let most = 0;
    const call = async (): Promise<void> => {
      most = Math.max(most, ++alive);
      // Ignores its signal and takes five times as long as it may.
      await root.sleep(500);
      alive--;
    };
    const settled: number[] = [];
    const report = batch(inputs(4), call, {
      signal: root,
      concurrency: 2,
      timeout: 100,
      onSettled: () => settled.push(clock.now()),
    });
    await clock.advance("1h");
    expect((await report).stats).toMatchObject({ failed: 4, timedOut: 4, elapsed: 600 });
    expect(settled).toEqual([100, 100, 600, 600]);
    expect(most).toBe(2);
  });

  test("is kept by it before the call's own next attempt, too", async () => {
    let alive = 0;
    let most = 0;
    const starts: number[] = [];
    const call = async (): Promise<void> => {
      starts.push(clock.now());
      most = Math.max(most, ++alive);
      await root.sleep(500);
      alive--;
    };
    const retry = { attempts: 2, backoff: { initial: 0 } };
    const report = batch([1], call, { signal: root, concurrency: 1, timeout: 100, retry });
    await clock.advance("1h");
    expect((await report).outcomes[0]).toMatchObject({ status: "failed", attempts: 2, duration: 600 });
    expect([starts, most]).toEqual([[0, 500], 1]);
  });

  test.each([
    ["a list", inputs],
    ["a generator", (count: number) => numbers("synchronous", count).iterable],
    ["an asynchronous source", (count: number) => numbers("asynchronous", count).iterable],
  ])("is not waited for by the report once every call of %s has its outcome", async (_name, source) => {
    // As many bodies as places: none is left to find the source at its end.
    const report = observe(batch(source(2), hang, { signal: root, concurrency: 2, timeout: 100 }));
    await clock.advance(100);
    expect(report.outcome).toMatchObject({ status: "fulfilled", value: { stats: { failed: 2, elapsed: 100 } } });
  });

  test("does not make the report ask a source that has been asked already", async () => {
    const source = countedSource("asynchronous", (index) => {
      if (index === 0) return 0;
      return index === 3 ? undefined : root.sleep(50).then(() => index);
    });
    // The first body outlives its call while the other place waits for the second input.
    const stubborn = (): Promise<void> => root.sleep(1000);
    const report = observe(batch(source.iterable, stubborn, { signal: root, concurrency: 2, timeout: 10 }));
    await clock.advance("1m");
    expect(report.outcome).toMatchObject({ status: "fulfilled", value: { stats: { total: 3, failed: 3 } } });
    expect([source.mostAsking, source.pulled, source.closed]).toEqual([1, 3, 0]);
  });

  test("is waited for when calls remain: only the deadline, or the body's end, ends that", async () => {
    const report = observe(batch(inputs(2), hang, { signal: root, concurrency: 1, timeout: 100, deadline: 1000 }));
    await clock.advance(999);
    expect(report.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(report.outcome).toMatchObject({
      status: "fulfilled",
      value: { outcomes: [{ status: "failed" }, { status: "skipped" }] },
    });
  });

  test("the negative control: places given up at the timeout let more than n bodies live", async () => {
    let alive = 0;
    let most = 0;
    const leaky = async (): Promise<void> => {
      const body = (async () => {
        most = Math.max(most, ++alive);
        await root.sleep(500);
        alive--;
      })();
      await Promise.race([body, root.sleep(100)]);
    };
    const report = batch(inputs(4), leaky, { signal: root, concurrency: 2 });
    await clock.advance("1h");
    await report;
    expect(most).toBe(4);
  });
});
