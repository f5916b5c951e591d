import type { Context, TimeoutOptions } from "snowshed";
import { CanceledError, DeadlineExceededError, timeout } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { collected } from "../support/garbage.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

useFakeTime();

const never = (): Promise<never> => new Promise(() => {});

describe("timeout()", () => {
  test("gives what the task gives in time, and leaves no timer", async () => {
    const call = observe(timeout((context) => context.sleep(99).then(() => "answer"), 100, { signal: root }));
    await clock.advance(98);
    expect([call.outcome.status, clock.pending]).toEqual(["pending", 2]);
    await clock.advance(1);
    expect([call.outcome, clock.pending]).toEqual([{ status: "fulfilled", value: "answer" }, 0]);
  });

  test("rejects as the task does, also when that throws before it returns a promise", async () => {
    const error = new Error("the task's own");
    for (const task of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      expect(await outcome(timeout(task, 100, { signal: root }))).toEqual({ status: "rejected", reason: error });
      expect(clock.pending).toBe(0);
    }
  });

  test("starts the task before it returns", () => {
    let started = false;
    void timeout(() => {
      started = true;
    }, 100);
    expect(started).toBe(true);
  });

  test("rejects at the deadline even if the task takes no notice, and aborts its context with the same error", async () => {
    let context!: Context;
    const call = observe(
      timeout(
        (own) => {
          context = own;
          return never();
        },
        "3s",
        { signal: root },
      ),
    );
    await clock.advance(2999);
    expect([call.outcome.status, context.aborted, context.remaining()]).toEqual(["pending", false, 1]);
    await clock.advance(1);
    expect(call.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
    expect(call.outcome).toMatchObject({ reason: context.reason, status: "rejected" });
    expect(context.reason!.message).toBe("the task took longer than 3000 ms");
    expect(context.reason!.name).toBe("TimeoutError");
  });

  test("drops the result of a late body, and its failure is no unhandled rejection", async () => {
    const { stdout, stderr, code } = await runModule(`
      const { timeout } = await import("snowshed");
      process.on("unhandledRejection", () => console.log("unhandled"));
      const late = (settle) => new Promise((resolve, reject) => setTimeout(() => settle(resolve, reject), 30));
      const calls = [
        timeout(() => late((resolve) => resolve("late")), 5),
        timeout(() => late((resolve, reject) => reject(new Error("late"))), 5),
        timeout(async (context) => { await late((resolve) => resolve()); context.throwIfAborted(); }, 5),
      ];
      console.log((await Promise.allSettled(calls)).map(({ reason }) => reason.name).join());
      await late((resolve) => resolve());
      await new Promise((resolve) => setTimeout(resolve, 30));
      console.log("end");
    `);
    expect([stdout.trim().split("\n"), stderr, code]).toEqual([
      ["TimeoutError,TimeoutError,TimeoutError", "end"],
      "",
      0,
    ]);
  });

  test.each([0, -1, "0s", Number.NEGATIVE_INFINITY] as const)(
    "of %j refuses at once: the task is not run",
    async (duration) => {
      let calls = 0;
      const settled = await outcome(timeout(() => calls++, duration, { signal: root }));
      expect(settled).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
      expect(calls).toBe(0);
    },
  );

  test("of Infinity sets no timer", async () => {
    const body = deferred<string>();
    const call = observe(timeout(() => body.promise, Number.POSITIVE_INFINITY, { signal: root }));
    await clock.advance("10h");
    expect([call.outcome.status, clock.pending]).toEqual(["pending", 0]);
    body.resolve("answer");
    await drained();
    expect(call.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test.each([
    [null, 100, {}, "task must be a function"],
    [never, undefined, {}, "duration must be"],
    [never, null, {}, "duration must be"],
    [never, Number.NaN, {}, "duration must be"],
    [never, "3 s", {}, "duration must be"],
    [never, "soon", {}, "duration must be"],
    [never, 100, { signal: {} }, "signal must be an AbortSignal or a Context"],
  ] as const)("of %o, %j, %j is refused", async (task, duration, options, message) => {
    const call = timeout(task as never, duration as never, options as TimeoutOptions);
    await expect(call).rejects.toThrow(message);
    await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  });

  test("has the type of its task", () => {
    expectTypeOf(timeout(() => 1, "1s")).toEqualTypeOf<Promise<number>>();
    expectTypeOf(timeout(async () => "text", 1)).toEqualTypeOf<Promise<string>>();
  });
});

describe("the context of a timeout()", () => {
  test("has the deadline, the values and the clock of its parent", async () => {
    const start = clock.date();
    await timeout(
      (context) => {
        expect([context.remaining(), context.deadline, context.clock]).toEqual([3000, start + 3000, clock]);
      },
      "3s",
      { signal: root },
    );
  });

  test("whose parent has less time keeps that, and rejects with the parent's reason", async () => {
    const parent = root.withTimeout(50, "the request's own");
    let remaining = 0;
    const call = observe(
      timeout(
        (context) => {
          remaining = context.remaining();
          return never();
        },
        100,
        { signal: parent },
      ),
    );
    await clock.advance(50);
    expect(remaining).toBe(50);
    expect(call.outcome).toEqual({ status: "rejected", reason: parent.reason });
    expect(clock.pending).toBe(0);
  });

  test("is aborted with the caller's, and the call settles at once, even if the task takes no notice", async () => {
    const parent = root.withCancel();
    let context!: Context;
    const call = observe(
      timeout(
        (own) => {
          context = own;
          return never();
        },
        100,
        { signal: parent },
      ),
    );
    parent.cancel("the client went away");
    await drained();
    expect(context.aborted).toBe(true);
    expect(call.outcome).toEqual({ status: "rejected", reason: parent.reason });
    expect(clock.pending).toBe(0);
  });

  test("follows a foreign signal, in a clock of its own, and leaves no listener on it", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...rest: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, rest);
    };
    signal.removeEventListener = (...rest: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, rest);
    };
    const late = observe(timeout(never, 100, { signal, clock }));
    const inTime = timeout((context) => context.clock === clock, 200, { signal, clock });
    expect([await inTime, listeners]).toEqual([true, 1]);
    await clock.advance(100);
    expect([late.outcome.status, listeners]).toEqual(["rejected", 0]);
    const canceled = observe(timeout(never, 100, { signal, clock }));
    controller.abort("stop");
    await drained();
    expect(canceled.outcome).toMatchObject({ status: "rejected", reason: { name: "AbortError", cause: "stop" } });
  });

  test("of a caller that has gone already is never made", async () => {
    let calls = 0;
    const settled = await outcome(timeout(() => calls++, 100, { signal: AbortSignal.abort("gone") }));
    expect(settled).toEqual({ status: "rejected", reason: expect.any(CanceledError) as unknown });
    expect(calls).toBe(0);
  });

  test("is not aborted when the task was in time: what it returned may still be in use", async () => {
    let context!: Context;
    const signals: AbortSignal[] = [];
    await timeout(
      (own) => {
        context = own;
        signals.push(own.signal);
      },
      100,
      { signal: root },
    );
    await clock.advance("1h");
    expect([context.aborted, signals[0]!.aborted]).toEqual([false, false]);
  });

  test("is aborted when the task failed: what it has begun is of no use any more", async () => {
    let context!: Context;
    const error = new Error("the task's own");
    const task = (own: Context): never => {
      context = own;
      throw error;
    };
    await outcome(timeout(task, 100, { signal: root }));
    expect([context.aborted, context.cause]).toEqual([true, error]);
  });

  test("makes no AbortController unless its signal is read", async () => {
    const native = globalThis.AbortController;
    let made = 0;
    globalThis.AbortController = class extends native {
      constructor() {
        super();
        made++;
      }
    };
    try {
      await timeout(() => "answer", 100, { signal: root });
      const late = observe(timeout(never, 100, { signal: root }));
      await clock.advance(100);
      expect([late.outcome.status, made]).toEqual(["rejected", 0]);
      await timeout(({ signal }) => signal.aborted, 100, { signal: root });
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = native;
    }
  });

  test("leaves nothing in the list of a parent that lives on", async () => {
    const parent = root.withCancel();
    const bodies = Array.from({ length: 1000 }, () => deferred());
    const calls = bodies.map(({ promise }) => timeout(() => promise, 100, { signal: parent }));
    expect([parent.scope.head === null, clock.pending]).toEqual([false, 1000]);
    for (const [index, { resolve, reject }] of bodies.entries()) {
      if (index % 2 === 0) resolve();
      else reject(new Error("no"));
    }
    await Promise.allSettled(calls);
    expect([parent.scope.head, clock.pending]).toEqual([null, 0]);
  });

  test("frees what the task returned, also while the parent lives on; held by a late body, it stays: the control", async () => {
    const parent = root.withCancel();
    const make = async (): Promise<WeakRef<object>> => {
      const held = { size: 1 };
      return new WeakRef(await timeout(() => held, 100, { signal: parent }));
    };
    expect(await collected(make)).toBe(true);
    const stuck = deferred();
    const holding = (): WeakRef<object> => {
      const held = { size: 1 };
      void stuck.promise.then(() => held.size);
      return new WeakRef(held);
    };
    expect(await collected(holding, 3)).toBe(false);
    stuck.resolve();
    parent.cancel();
  });
});

describe("the process of a timeout()", () => {
  test.each([
    ["timeout(() => new Promise(() => {}), 20)", "of its own"],
    [
      "timeout(() => new Promise(() => {}), '1h', { signal: Context.background.withTimeout(20) })",
      "of its caller, whose own timer keeps nothing running",
    ],
  ])("%s is kept running until the deadline %s", async (call) => {
    const { stdout, code } = await runModule(`
      const { Context, timeout } = await import("snowshed");
      await ${call}.catch((error) => console.log(error.name));
    `);
    expect([stdout.trim(), code]).toEqual(["TimeoutError", 0]);
  });

  test("is not kept running by the timer of a call that is over", async () => {
    const { stdout, code } = await runModule(`
      const { timeout } = await import("snowshed");
      console.log(await timeout(() => "answer", "1h"));
    `);
    expect([stdout.trim(), code]).toEqual(["answer", 0]);
  });
});
