import { getEventListeners } from "node:events";
import type { Context } from "snowshed";
import { batch, CanceledError, DeadlineExceededError } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";
import { countedSource, numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const inputs = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const hang = (): Promise<never> => new Promise(() => {});

describe("the caller's abort", () => {
  test("brings the report at once, with the running calls failed and the rest of a list skipped", async () => {
    const context = root.withCancel();
    const call = (input: number): Promise<unknown> => (input === 0 ? Promise.resolve("done") : hang());
    for (const list of [inputs(5), new Set(inputs(5))]) {
      const own = context.withCancel();
      const report = observe(batch(list, call, { signal: own, concurrency: 2, timeout: "3s", retry: 3 }));
      await clock.advance(5);
      own.cancel(new Error("client went away"));
      await drained();
      expect(report.outcome).toMatchObject({
        status: "fulfilled",
        value: {
          outcomes: [
            { input: 0, status: "ok", value: "done" },
            { input: 1, status: "failed", attempts: 1, error: own.reason, duration: 5 },
            { input: 2, status: "failed", attempts: 1, error: own.reason, duration: 5 },
            { input: 3, status: "skipped", attempts: 0, error: own.reason, duration: 0 },
            { input: 4, status: "skipped", attempts: 0, error: own.reason, duration: 0 },
          ],
          stats: { total: 5, ok: 1, failed: 2, skipped: 2, timedOut: 0, retried: 0 },
        },
      });
      expect(own.reason).toBeInstanceOf(CanceledError);
    }
  });

  test("before the beginning skips everything and calls nobody", async () => {
    let calls = 0;
    const report = await batch(inputs(3), () => calls++, { signal: AbortSignal.abort("why") });
    expect(report.stats).toMatchObject({ total: 3, skipped: 3 });
    expect((report.outcomes[0]!.error as CanceledError).cause).toBe("why");
    expect(calls).toBe(0);
  });

  test("reaches the calls' own signal with its reason", async () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    const call = (_input: number, { signal }: Context): Promise<never> => {
      signal.addEventListener("abort", () => reasons.push(signal.reason));
      return hang();
    };
    const report = batch([1, 2], call, { signal: controller.signal });
    await drained();
    controller.abort("why");
    const { outcomes } = await report;
    expect(reasons).toEqual(outcomes.map(({ error }) => error));
    expect((reasons[0] as CanceledError).cause).toBe("why");
  });

  test("by a native timeout counts as timed out", async () => {
    const controller = new AbortController();
    const report = batch([1], hang, { signal: controller.signal });
    await drained();
    controller.abort(new DOMException("the operation timed out", "TimeoutError"));
    const { outcomes, stats } = await report;
    expect(outcomes[0]!.error).toBeInstanceOf(DeadlineExceededError);
    expect(stats).toMatchObject({ failed: 1, timedOut: 1 });
  });

  test("after the end changes nothing", async () => {
    const context = root.withCancel();
    const report = await batch([1], () => "ok", { signal: context });
    const before = structuredClone(report);
    context.cancel();
    await drained();
    expect(report).toEqual(before);
  });

  test.each(sourceKinds)("closes a source that is %s once and counts what was begun", async (kind) => {
    const context = root.withCancel();
    const source = numbers(kind);
    const report = batch(source.iterable, hang, { signal: context, concurrency: 3 });
    await drained();
    context.cancel();
    expect((await report).stats).toMatchObject({ total: 3, failed: 3, skipped: 0 });
    await drained();
    expect([source.opened, source.pulled, source.closed]).toEqual([1, 3, 1]);
  });

  test("in any instant of the arrival of an input makes it a call or leaves it out", async () => {
    for (let microtasks = 0; microtasks < 30; microtasks++) {
      const context = root.withCancel();
      const gate = deferred<number>();
      const source = countedSource("asynchronous", (index) =>
        index === 0 ? 0 : index === 1 ? gate.promise : undefined,
      );
      const report = batch(source.iterable, hang, { signal: context, concurrency: 2 });
      await drained();
      gate.resolve(1);
      for (let turn = 0; turn < microtasks; turn++) await Promise.resolve();
      context.cancel();
      const { outcomes, stats } = await report;
      await drained();
      expect(stats.total).toBe(outcomes.length);
      expect(stats.failed + stats.ok + stats.skipped).toBe(stats.total);
      for (const { status, attempts } of outcomes) expect([status, attempts]).toEqual(["failed", 1]);
      expect(source.closed).toBeLessThanOrEqual(1);
    }
  });

  test.each(sourceKinds)("by a source that is %s, while it is asked, still yields a report", async (kind) => {
    const context = root.withCancel();
    const source = countedSource(kind, (index) => {
      if (index === 2) context.cancel();
      return index;
    });
    const { stats } = await batch(source.iterable, (input) => input, { signal: context, concurrency: 1 });
    expect(stats).toMatchObject({ total: 2, ok: 2 });
    await drained();
    expect(source.closed).toBe(1);
  });

  test("of a batch within a call ends the inner batch", async () => {
    const context = root.withCancel();
    const inner = (_input: number, own: Context): Promise<unknown> => batch(inputs(3), hang, { signal: own });
    const report = batch([1], inner, { signal: context });
    await drained();
    context.cancel();
    expect((await report).stats).toMatchObject({ failed: 1 });
    await drained();
  });
});

describe("a foreign AbortSignal", () => {
  test("has one listener at most and none once the batch is over, however it ended", async () => {
    const { signal } = new AbortController();
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const failing = (): never => {
      throw new Error("no");
    };
    const report = batch(inputs(20), () => drained(), { signal, timeout: "1h", retry: 2 });
    expect(listeners()).toBe(1);
    await report;
    expect(listeners()).toBe(0);
    await batch(inputs(3), failing, { signal, fallback: { value: () => 1 } });
    expect(listeners()).toBe(0);
    await outcome(batch(inputs(3), () => 1, { signal, onSettled: failing }));
    expect(listeners()).toBe(0);
    await outcome(batch(inputs(3), () => 1, { signal, concurrency: 0 }));
    expect(listeners()).toBe(0);
    const hanging = batch([1], hang, { signal, clock, deadline: 10 });
    await clock.advance(10);
    await hanging;
    expect(listeners()).toBe(0);
  });
});

describe("a source", () => {
  test.each(sourceKinds)("that is %s and throws rejects the batch with its error, at once", async (kind) => {
    const error = new Error("the line could not be read");
    const reasons: unknown[] = [];
    const source = countedSource(kind, (index) => {
      if (index === 2) throw error;
      return index;
    });
    const call = (_input: number, context: Context): Promise<never> => {
      context.onAbort((reason) => reasons.push(reason));
      // Ignores its signal, and is not waited for.
      return hang();
    };
    const report = observe(batch(source.iterable, call, { signal: root, concurrency: 3, deadline: "8s" }));
    await drained();
    await drained();
    expect(report.outcome).toEqual({ status: "rejected", reason: error });
    expect(reasons).toEqual([expect.any(CanceledError), expect.any(CanceledError)]);
    expect((reasons[0] as CanceledError).cause).toBe(error);
    expect(source.closed).toBe(0);
  });

  test.each(sourceKinds)("that is %s and cannot be opened rejects the batch", async (kind) => {
    const key = kind === "synchronous" ? Symbol.iterator : Symbol.asyncIterator;
    const open = (): never => {
      throw new Error("no such file");
    };
    const source = { [key]: open } as unknown as Iterable<number>;
    await expect(batch(source, () => 1, { signal: root, deadline: "8s" })).rejects.toThrow("no such file");
  });

  test.each(sourceKinds)("that is %s and cannot be closed does not cost the report", async (kind) => {
    const context = root.withCancel();
    const source = numbers(kind);
    const key = kind === "synchronous" ? Symbol.iterator : Symbol.asyncIterator;
    const open = source.iterable[key] as () => object;
    const close = (): never => {
      throw new Error("cannot close");
    };
    const broken = { [key]: () => Object.assign(open(), { return: close }) } as unknown as Iterable<number>;
    const report = batch(broken, hang, { signal: context, concurrency: 2 });
    await drained();
    context.cancel();
    expect((await report).stats).toMatchObject({ total: 2, failed: 2 });
    await drained();
  });
});
