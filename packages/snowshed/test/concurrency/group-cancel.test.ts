import { CanceledError, Context, DeadlineExceededError, Group } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { deferred, drained, microtasks, observe, outcome } from "../support/promises.ts";

describe("cancel()", () => {
  test("aborts the context with the reason as its cause, skips what is queued, and stops no running body", async () => {
    const group = new Group({ concurrency: 1 });
    const gate = deferred<string>();
    const running = group.go(() => gate.promise);
    const queued = group.go(() => "never");
    const why = new Error("shutting down");
    group.cancel(why);
    expect([group.context.aborted, group.context.cause, group.queued]).toEqual([true, why, 0]);
    expect([running.state, queued.state]).toEqual(["running", "skipped"]);
    const waited = observe(group.wait());
    await drained();
    expect(waited.outcome.status).toBe("pending");
    gate.resolve("done");
    await drained();
    expect([running.value, waited.outcome]).toEqual(["done", { status: "rejected", reason: group.context.reason }]);
  });

  test("rejects wait() with the cancellation when tasks were skipped and none failed", async () => {
    const group = new Group({ concurrency: 0 });
    const task = group.go(() => {});
    group.cancel("why");
    const result = await outcome(group.wait());
    expect(result).toEqual({ status: "rejected", reason: group.context.reason });
    expect(result).toMatchObject({ reason: { name: "AbortError", code: "SNOWSHED_CANCELED", cause: "why" } });
    expect(await outcome(task)).toEqual(result);
  });

  test("lets wait() resolve when nothing was skipped and nothing failed", async () => {
    const group = new Group();
    const task = group.go(async () => "finished anyway");
    group.cancel();
    await group.wait();
    expect(task.value).toBe("finished anyway");
    const empty = new Group();
    empty.cancel();
    await empty.wait();
  });

  test("rejects wait() with what failed when something did, not with the cancellation", async () => {
    const group = new Group({ concurrency: 1 });
    const gate = deferred();
    group.go(() => gate.promise);
    group.go(() => {});
    group.cancel();
    gate.reject(new Error("in the middle of it"));
    await expect(group.wait()).rejects.toThrow("in the middle of it");
  });

  test("is final: the first reason stays, a second call changes nothing", async () => {
    const group = new Group();
    group.cancel(1);
    group.cancel(2);
    expect(group.context.cause).toBe(1);
    await group.wait();
    expect(group.context.cause).toBe(1);
  });

  test("inside a task that go() is just starting skips what is queued behind it", async () => {
    const group = new Group({ concurrency: 0 });
    const queued = group.go(() => {});
    const child = group.child();
    child.go(() => group.cancel());
    expect(queued.state).toBe("skipped");
    await outcome(group.wait());
    expect(group.errors).toEqual([]);
  });
});

describe("on a canceled group (go.dev/issue/61611)", () => {
  test("go() skips the task: no body starts after the cancellation", async () => {
    const group = new Group();
    group.cancel();
    let ran = false;
    const task = group.go(() => void (ran = true));
    expect(task.state).toBe("skipped");
    expect(await outcome(task)).toEqual({ status: "rejected", reason: group.context.reason });
    await expect(group.wait()).rejects.toBe(group.context.reason);
    expect(ran).toBe(false);
  });

  test("tryGo() gives undefined and ready() resolves", async () => {
    const group = new Group({ concurrency: 0 });
    group.cancel();
    expect(group.tryGo(() => {})).toBeUndefined();
    await group.ready();
    await group.wait();
  });

  test("a queued task whose turn came in the same tick is skipped, too, at whatever microtask the abort comes", async () => {
    for (let delay = 0; delay < 8; delay++) {
      const group = new Group({ concurrency: 1 });
      const gate = deferred();
      let startedAborted = false;
      group.go(() => gate.promise);
      const next = group.go(({ aborted }) => void (startedAborted = aborted));
      gate.resolve();
      await microtasks(delay);
      group.cancel();
      await outcome(group.wait());
      expect([delay, startedAborted, group.running, group.queued]).toEqual([delay, false, 0, 0]);
      expect(["skipped", "fulfilled"]).toContain(next.state);
    }
  });

  test("a chosen task that was skipped gives its place back", async () => {
    const group = new Group({ concurrency: 0 });
    const task = group.go(() => {});
    group.concurrency = 1;
    group.cancel();
    expect([task.state, group.running]).toEqual(["queued", 1]);
    await drained();
    expect([task.state, group.running]).toEqual(["skipped", 0]);
    await expect(group.wait()).rejects.toBe(group.context.reason);
  });

  test("only the first of five runs when that fails at limit 1", async () => {
    const group = new Group({ concurrency: 1 });
    const started: number[] = [];
    for (let index = 0; index < 5; index++) {
      group.go(async () => {
        started.push(index);
        throw new Error("first");
      });
    }
    await expect(group.wait()).rejects.toThrow("first");
    expect(started).toEqual([0]);
  });

  test("every pending promise settles", async () => {
    const group = new Group({ concurrency: 1 });
    const tasks = [group.go((context) => context.sleep("1h")), group.go(() => 1), group.go(() => 2)];
    const promises = [...tasks, group.wait(), group.ready()].map((promise) => observe<unknown>(promise));
    group.cancel();
    await drained();
    expect(promises.map(({ outcome }) => outcome.status)).toEqual([
      "rejected",
      "rejected",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
  });
});

describe("the signal option", () => {
  test.each(["Context", "AbortSignal"])("cancels the group when the %s aborts", async (kind) => {
    const context = Context.background.withCancel();
    const controller = new AbortController();
    const group = new Group({ signal: kind === "Context" ? context : controller.signal, concurrency: 1 });
    const task = group.go((inner) => inner.sleep("1h"));
    const queued = group.go(() => {});
    if (kind === "Context") context.cancel("why");
    else controller.abort("why");
    expect([group.context.aborted, group.context.cause, queued.state]).toEqual([true, "why", "skipped"]);
    await expect(group.wait()).rejects.toBe(group.context.reason);
    expect(task.state).toBe("rejected");
  });

  test.each([
    [
      "Context",
      () => {
        const context = Context.background.withCancel();
        context.cancel();
        return context;
      },
    ],
    ["AbortSignal", () => AbortSignal.abort()],
  ])("of an aborted %s makes a canceled group", async (_, make) => {
    const group = new Group({ signal: make() });
    expect(group.context.aborted).toBe(true);
    expect(group.go(() => {}).state).toBe("skipped");
    await expect(group.wait()).rejects.toBeInstanceOf(CanceledError);
  });

  test("with a deadline ends the group with a DeadlineExceededError, in the clock of that context", async () => {
    const clock = new FakeClock();
    const deadline = Context.root({ clock }).withTimeout("3s");
    const group = new Group({ signal: deadline, concurrency: 1 });
    expect(group.context.remaining()).toBe(3000);
    const slow = group.go((context) => context.sleep("5s"));
    const queued = group.go(() => {});
    const waited = observe(group.wait());
    await clock.advance("3s");
    expect(waited.outcome).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    await expect(queued).rejects.toBeInstanceOf(DeadlineExceededError);
    expect([slow.state, clock.pending]).toEqual(["rejected", 0]);
  });

  test("of a foreign AbortSignal gets one listener for any number of groups, and none when they are over", async () => {
    const { signal } = new AbortController();
    const groups = Array.from({ length: 50 }, () => new Group({ signal }));
    for (const group of groups) group.go((context) => context.onAbort(() => {}));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await Promise.all(groups.map((group) => group.wait()));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("wait({ signal })", () => {
  test("frees only that waiter, with the cancellation; the tasks and the other waiters go on", async () => {
    const group = new Group();
    const gate = deferred();
    const task = group.go(() => gate.promise);
    const controller = new AbortController();
    const impatient = observe(group.wait({ signal: controller.signal }));
    const patient = observe(group.wait());
    controller.abort("enough");
    await drained();
    expect(impatient.outcome).toMatchObject({ status: "rejected", reason: { name: "AbortError", cause: "enough" } });
    expect([patient.outcome.status, task.state, group.context.aborted]).toEqual(["pending", "running", false]);
    gate.resolve();
    await drained();
    expect(patient.outcome.status).toBe("fulfilled");
  });

  test("refuses at once when it is aborted already, also when there is nothing to wait for, and closes nothing", async () => {
    const group = new Group();
    const canceled = Context.background.withCancel();
    canceled.cancel();
    expect(await outcome(group.wait({ signal: canceled }))).toEqual({ status: "rejected", reason: canceled.reason });
    expect(await outcome(group.wait({ signal: AbortSignal.abort(1) }))).toMatchObject({ reason: { cause: 1 } });
    expect(group.go(() => {}).state).toBe("running");
    await group.wait();
  });

  test("gives the result when the abort comes in the same tick but later", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const impatient = Context.background.withCancel();
    const waited = group.wait({ signal: impatient });
    gate.resolve();
    for (let tick = 0; tick < 100 && !group.context.aborted; tick++) await microtasks(1);
    expect(group.context.aborted).toBe(true);
    impatient.cancel();
    await waited;
  });

  test("leaves no listener and no link behind, whether it was aborted or served", async () => {
    const { signal } = new AbortController();
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const waits = Array.from({ length: 20 }, () => group.wait({ signal }));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    gate.resolve();
    await Promise.all(waits);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("20,000 waiters give up one by one, from the last to the first, then every second one", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const waiters = Array.from({ length: 20_000 }, () => {
      const context = Context.background.withCancel();
      return { context, done: observe(group.wait({ signal: context })) };
    });
    for (const { context } of waiters.slice(10_000).toReversed()) context.cancel();
    for (const [index, { context }] of waiters.entries()) if (index % 2 === 0) context.cancel();
    gate.resolve();
    await drained();
    const wanted = waiters.map((_, index) => (index < 10_000 && index % 2 === 1 ? "fulfilled" : "rejected"));
    expect(waiters.map(({ done }) => done.outcome.status)).toEqual(wanted);
  });
});
