// Waits that end before their turn: canceled, timed out, granted and canceled in the same tick.
import { getEventListeners } from "node:events";
import { CanceledError, Context, DeadlineExceededError, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { drained, observe, outcome } from "../support/promises.ts";

/** A semaphore of which all permits are held. */
function full(permits: number): Semaphore {
  const semaphore = new Semaphore(permits);
  semaphore.tryAcquire(permits);
  return semaphore;
}

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

describe("a signal that is aborted already", () => {
  test.each([
    ["a Context", Context.from(AbortSignal.abort("over"))],
    ["a native AbortSignal", AbortSignal.abort("over")],
  ])("refuses even if there is room: %s", async (_kind, signal) => {
    const semaphore = new Semaphore(1);
    let ran = false;
    const attempts: readonly Promise<unknown>[] = [
      semaphore.acquire(1, { signal }),
      semaphore.permit(1, { signal }),
      semaphore.run(() => (ran = true), { signal }),
    ];
    for (const attempt of attempts) {
      await expect(attempt).rejects.toBeInstanceOf(CanceledError);
      await expect(attempt).rejects.toMatchObject({ cause: "over", name: "AbortError" });
    }
    expect([ran, semaphore.available, semaphore.pending]).toEqual([false, 1, 0]);
  });

  test("refuses with the reason of the context itself, before weight is held against the size", async () => {
    const context = Context.background.withTimeout(0);
    const refused = await outcome(new Semaphore(1).acquire(2, { signal: context }));
    expect(refused).toEqual({ status: "rejected", reason: context.reason });
    expect(context.reason).toBeInstanceOf(DeadlineExceededError);
  });
});

describe("a waiter that is canceled", () => {
  test.each([
    ["by its Context", () => Context.background.withCancel()],
    [
      "by a native AbortSignal",
      () => {
        const controller = new AbortController();
        return { signal: controller.signal, cancel: (reason: unknown) => controller.abort(reason) };
      },
    ],
  ])("%s leaves the queue at once, and its place to nobody", async (_by, make) => {
    const semaphore = full(1);
    const source = make();
    const signal = source instanceof Context ? source : source.signal;
    const waiting = observe(semaphore.acquire(1, { signal }));
    expect(semaphore.pending).toBe(1);
    source.cancel("enough");
    expect([semaphore.pending, semaphore.available]).toEqual([0, 0]);
    await drained();
    expect(waiting.outcome).toMatchObject({
      status: "rejected",
      reason: { code: "SNOWSHED_CANCELED", cause: "enough" },
    });
    semaphore.release();
    expect(semaphore.available).toBe(1);
  });

  test("at the head wakes all behind it that now fit", async () => {
    const semaphore = new Semaphore(4);
    semaphore.tryAcquire(2);
    const context = Context.background.withCancel();
    const head = observe(semaphore.acquire(3, { signal: context }));
    const behind = [1, 1, 1].map((weight) => observe(semaphore.acquire(weight)));
    context.cancel();
    expect([semaphore.available, semaphore.pending]).toEqual([0, 1]);
    await drained();
    expect([head, ...behind].map((each) => each.outcome.status)).toEqual([
      "rejected",
      "fulfilled",
      "fulfilled",
      "pending",
    ]);
  });

  test("in the middle wakes nobody", async () => {
    const semaphore = new Semaphore(4);
    semaphore.tryAcquire(2);
    const context = Context.background.withCancel();
    const head = observe(semaphore.acquire(3));
    const middle = observe(semaphore.acquire(3, { signal: context }));
    const last = observe(semaphore.acquire(1));
    context.cancel();
    await drained();
    expect([head, middle, last].map((each) => each.outcome.status)).toEqual(["pending", "rejected", "pending"]);
    expect([semaphore.available, semaphore.pending]).toEqual([2, 2]);
  });

  test("at the tail does not break the queue for who comes after", async () => {
    const semaphore = full(1);
    const context = Context.background.withCancel();
    const first = observe(semaphore.acquire());
    const tail = observe(semaphore.acquire(1, { signal: context }));
    context.cancel();
    const last = observe(semaphore.acquire());
    semaphore.release();
    semaphore.release();
    await drained();
    expect([first, tail, last].map((each) => each.outcome.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect([semaphore.available, semaphore.pending]).toEqual([0, 0]);
  });

  test("behind oversize waiters that stand aside wakes those behind it, as at the head", async () => {
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(2);
    const aside = observe(semaphore.acquire(9, { allowOversize: true }));
    const context = Context.background.withCancel();
    void observe(semaphore.acquire(2, { signal: context }));
    const behind = observe(semaphore.acquire(1));
    context.cancel();
    await drained();
    expect([behind.outcome.status, aside.outcome.status, semaphore.pending]).toEqual(["fulfilled", "pending", 1]);
  });

  test("together with all others of its context leaves an empty queue, each with the one reason", async () => {
    const semaphore = full(2);
    const context = Context.background.withCancel();
    const waiting = [1, 2, 1, 0].map((weight) => observe(semaphore.acquire(weight, { signal: context })));
    context.cancel();
    await drained();
    expect(semaphore.pending).toBe(0);
    for (const each of waiting) expect(each.outcome).toEqual({ status: "rejected", reason: context.reason });
    semaphore.release(2);
    expect(semaphore.available).toBe(2);
  });

  test("by an ancestor of its context is canceled as well", async () => {
    const semaphore = full(1);
    const parent = Context.background.withCancel();
    const waiting = observe(semaphore.acquire(1, { signal: parent.withCancel().withTimeout("1h") }));
    parent.cancel("parent");
    await drained();
    expect(waiting.outcome).toMatchObject({ status: "rejected", reason: { cause: "parent" } });
  });

  test("from inside a run() never runs the task", async () => {
    const semaphore = full(1);
    const context = Context.background.withCancel();
    let ran = false;
    const running = observe(semaphore.run(() => (ran = true), { signal: context }));
    context.cancel();
    semaphore.release();
    await drained();
    expect([ran, running.outcome.status, semaphore.available]).toEqual([false, "rejected", 1]);
  });
});

describe("a waiter that is granted and canceled in the same tick", () => {
  test("is canceled, and gives its permits back to those behind it", async () => {
    const semaphore = full(2);
    const context = Context.background.withCancel();
    const first = observe(semaphore.acquire(2, { signal: context }));
    const second = observe(semaphore.acquire());
    const third = observe(semaphore.acquire());
    semaphore.release(2);
    expect([semaphore.available, semaphore.pending]).toEqual([0, 2]);
    context.cancel();
    expect([semaphore.available, semaphore.pending]).toEqual([0, 0]);
    await drained();
    expect(first.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect([second.outcome.status, third.outcome.status]).toEqual(["fulfilled", "fulfilled"]);
  });

  test("hands on to one that is canceled by the same abort, and so on to who stays", async () => {
    const semaphore = full(1);
    const context = Context.background.withCancel();
    const canceled = [1, 1, 1].map((weight) => observe(semaphore.acquire(weight, { signal: context })));
    const staying = observe(semaphore.acquire());
    semaphore.release();
    context.cancel();
    await drained();
    expect(canceled.map((each) => each.outcome.status)).toEqual(["rejected", "rejected", "rejected"]);
    expect([staying.outcome.status, semaphore.available, semaphore.pending]).toEqual(["fulfilled", 0, 0]);
  });

  test("in the order abort, then release, is canceled, too", async () => {
    const semaphore = full(1);
    const context = Context.background.withCancel();
    const waiting = observe(semaphore.acquire(1, { signal: context }));
    context.cancel();
    semaphore.release();
    await drained();
    expect([waiting.outcome.status, semaphore.available]).toEqual(["rejected", 1]);
  });

  test("by a release inside a listener of the very signal that aborts, gives the permits back", async () => {
    const semaphore = full(1);
    const controller = new AbortController();
    controller.signal.addEventListener("abort", () => semaphore.release());
    const waiting = observe(semaphore.acquire(1, { signal: controller.signal }));
    controller.abort();
    await drained();
    expect([waiting.outcome.status, semaphore.available, semaphore.pending]).toEqual(["rejected", 1, 0]);
  });

  test("while one that is canceled after it went on keeps what it holds: the cancellation came too late", async () => {
    const semaphore = full(1);
    const context = Context.background.withCancel();
    const waiting = observe(semaphore.acquire(1, { signal: context }));
    semaphore.release();
    await drained();
    context.cancel();
    await drained();
    expect([waiting.outcome.status, semaphore.available]).toEqual(["fulfilled", 0]);
  });
});

describe("a timeout", () => {
  test("ends the wait with DeadlineExceededError, on the clock of the context, and wakes those behind", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock });
    const semaphore = new Semaphore(2, { name: "mail" });
    semaphore.tryAcquire();
    const head = observe(semaphore.acquire(2, { signal, timeout: "3s" }));
    const behind = observe(semaphore.acquire());
    await clock.advance(2999);
    expect([head.outcome.status, semaphore.pending]).toEqual(["pending", 2]);
    await clock.advance(1);
    expect(head.outcome).toMatchObject({
      status: "rejected",
      reason: { name: "TimeoutError", message: 'waited 3000 ms for 2 of the 2 permits of "mail"' },
    });
    expect((head.outcome as { reason?: unknown }).reason).toBeInstanceOf(DeadlineExceededError);
    expect([behind.outcome.status, semaphore.pending, clock.pending]).toEqual(["fulfilled", 0, 0]);
  });

  test("counts the wait only: once granted, the timer is cleared, and never takes the permit back", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock }).withCancel();
    const semaphore = full(1);
    const waiting = observe(semaphore.acquire(1, { signal, timeout: 100 }));
    expect(clock.pending).toBe(1);
    semaphore.release();
    expect(clock.pending).toBe(0);
    await clock.advance("1h");
    expect([waiting.outcome.status, semaphore.available]).toEqual(["fulfilled", 0]);
  });

  test("leaves no timer behind when the signal was faster, and the signal no wait when the timer was", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const semaphore = full(1);
    const canceled = root.withCancel();
    const first = observe(semaphore.acquire(1, { signal: canceled, timeout: "1s" }));
    canceled.cancel();
    expect(clock.pending).toBe(0);
    const late = root.withCancel();
    const second = observe(semaphore.acquire(1, { signal: late, timeout: "1s" }));
    await clock.advance("1s");
    late.cancel();
    await drained();
    expect(first.outcome).toMatchObject({ reason: { name: "AbortError" } });
    expect(second.outcome).toMatchObject({ reason: { name: "TimeoutError" } });
    expect([semaphore.pending, semaphore.available]).toEqual([0, 0]);
  });

  test.each([0, -1, "0s", "-3s"] as const)(
    "of %s refuses who would have to wait, and admits who need not",
    async (timeout) => {
      const semaphore = new Semaphore(1);
      await semaphore.acquire(1, { timeout });
      await expect(semaphore.acquire(1, { timeout })).rejects.toBeInstanceOf(DeadlineExceededError);
      expect([semaphore.available, semaphore.pending]).toEqual([0, 0]);
    },
  );

  test("of Infinity never ends the wait", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock });
    const waiting = observe(full(1).acquire(1, { signal, timeout: Number.POSITIVE_INFINITY }));
    await clock.advance("1000h");
    expect(waiting.outcome.status).toBe("pending");
  });

  test("in a run() does not end the task: the permit ends when the work ends", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock });
    const semaphore = new Semaphore(1);
    const running = observe(semaphore.run(() => signal.sleep("1m"), { signal, timeout: "1s" }));
    await clock.advance("59s");
    expect([running.outcome.status, semaphore.available]).toEqual(["pending", 0]);
    await clock.advance("1s");
    expect([running.outcome.status, semaphore.available]).toEqual(["fulfilled", 1]);
  });

  test("on the system's clock keeps the process alive until it has ended the wait", async () => {
    const ended = await runModule(`
      import { Semaphore } from "snowshed";
      const semaphore = new Semaphore(0);
      semaphore.acquire(1, { timeout: 50, allowOversize: true }).catch(({ name }) => console.log(name));
    `);
    expect(ended).toEqual({ code: 0, stdout: "TimeoutError\n", stderr: "" });
  });

  test("that is no longer needed does not keep the process alive; a wait without one never does", async () => {
    const ended = await runModule(`
      import { Semaphore } from "snowshed";
      const semaphore = new Semaphore(1);
      await semaphore.acquire();
      const waiting = semaphore.acquire(1, { timeout: "1h" });
      semaphore.release();
      await waiting;
      semaphore.acquire().then(() => console.log("never"));
      console.log("end");
    `);
    expect(ended).toEqual({ code: 0, stdout: "end\n", stderr: "" });
  });
});

describe("a native AbortSignal", () => {
  test("gets one listener for all waits, at every semaphore, and none when nothing waits", async () => {
    const { signal } = new AbortController();
    const semaphores = [full(1), full(1)];
    const waiting = [1, 2, 3].flatMap(() => semaphores.map((semaphore) => semaphore.acquire(1, { signal })));
    expect(listeners(signal)).toBe(1);
    for (const semaphore of semaphores) for (let count = 0; count < 3; count++) semaphore.release();
    await Promise.all(waiting);
    expect(listeners(signal)).toBe(0);
  });

  test("gets no listener from who need not wait, or is refused", async () => {
    const { signal } = new AbortController();
    const semaphore = new Semaphore(1);
    await semaphore.acquire(1, { signal });
    await outcome(semaphore.acquire(2, { signal }));
    await outcome(semaphore.acquire(1, { signal, timeout: 0 }));
    expect(listeners(signal)).toBe(0);
  });

  test("loses its listener when the last wait timed out, was refused or was aborted", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const semaphore = full(2);
    const refused = observe(semaphore.acquire(2, { signal }));
    semaphore.resize(1);
    expect(listeners(signal)).toBe(0);
    const aborted = observe(semaphore.acquire(1, { signal }));
    expect(listeners(signal)).toBe(1);
    controller.abort();
    expect(listeners(signal)).toBe(0);
    await drained();
    expect([refused.outcome.status, aborted.outcome.status]).toEqual(["rejected", "rejected"]);
  });
});
