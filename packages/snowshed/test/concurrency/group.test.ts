// Starting, waiting, closing. Failures, queueing, cancellation, children and disposal have files of their own.
import { CanceledError, Context, Group, SnowshedError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

function onFakeClock(): { readonly clock: FakeClock; readonly root: Context } {
  const clock = new FakeClock();
  return { clock, root: Context.root({ clock }) };
}

describe("go()", () => {
  test("starts the body before it returns when there is a place", () => {
    const group = new Group();
    const order: string[] = [];
    const task = group.go(() => void order.push("body"));
    order.push("go returned");
    expect(order).toEqual(["body", "go returned"]);
    expect([task.state, group.running, group.queued]).toEqual(["running", 1, 0]);
  });

  test("gives the body the group's context", async () => {
    const group = new Group();
    const task = group.go((context) => context);
    await group.wait();
    expect(task.value).toBe(group.context);
  });

  test("takes bodies that return a value, a promise, or any thenable", async () => {
    const group = new Group();
    const thenable: PromiseLike<number> = { then: (resolve) => Promise.resolve(3).then(resolve) };
    const tasks = [group.go(() => 1), group.go(async () => 2), group.go(() => thenable)];
    await group.wait();
    expect(tasks.map(({ value }) => value)).toEqual([1, 2, 3]);
  });

  test("does not throw when the body throws at once: the task is rejected", async () => {
    const group = new Group();
    const error = new Error("at once");
    const task = group.go(() => {
      throw error;
    });
    expect(task.state).toBe("rejected");
    await expect(group.wait()).rejects.toBe(error);
  });

  test("may be called from inside a task", async () => {
    const group = new Group({ concurrency: 2 });
    const outer = group.go(() => group.go(async () => "inner"));
    await group.wait();
    expect(outer.value).toBe("inner");
  });
});

describe("wait()", () => {
  test("resolves with nothing when nothing was ever started, and cancels the context", async () => {
    const group = new Group();
    expect(await outcome(group.wait())).toEqual({ status: "fulfilled", value: undefined });
    expect(group.context.aborted).toBe(true);
    expect(group.context.cause).toBeInstanceOf(CanceledError);
  });

  test("settles only when every started task has ended, though the first error was long before", async () => {
    const { clock, root } = onFakeClock();
    const group = new Group({ signal: root });
    const slow = group.go(() => root.sleep("2s"));
    group.go(() => root.sleep("1s").then(() => Promise.reject(new Error("fast"))));
    const waited = observe(group.wait());
    await clock.advance("1999ms");
    expect([waited.outcome.status, slow.state]).toEqual(["pending", "running"]);
    await clock.advance("1ms");
    expect([waited.outcome, slow.state]).toEqual([{ status: "rejected", reason: new Error("fast") }, "fulfilled"]);
  });

  test("rejects with the first error by time, not by submission", async () => {
    const { clock, root } = onFakeClock();
    const group = new Group({ signal: root });
    group.go(() => root.sleep("2s").then(() => Promise.reject(new Error("submitted first"))));
    group.go(() => root.sleep("1s").then(() => Promise.reject(new Error("failed first"))));
    const waited = observe(group.wait());
    await clock.advance("2s");
    expect(waited.outcome).toEqual({ status: "rejected", reason: new Error("failed first") });
    expect(group.errors).toEqual([new Error("failed first"), new Error("submitted first")]);
  });

  test("waits for tasks that tasks add, also when the last one running adds them", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(async () => {
      await drained();
      group.go(() => gate.promise);
    });
    const waited = observe(group.wait());
    await drained();
    await drained();
    expect([waited.outcome.status, group.running]).toEqual(["pending", 1]);
    gate.resolve();
    await drained();
    expect(waited.outcome.status).toBe("fulfilled");
  });

  test("gives all who wait the same error, also who comes when it is over", async () => {
    const group = new Group();
    const error = new Error("no");
    const gate = deferred();
    group.go(() => gate.promise);
    const first = observe(group.wait());
    const second = observe(group.wait());
    gate.reject(error);
    await drained();
    const rejected = { status: "rejected", reason: error };
    expect([first.outcome, second.outcome]).toEqual([rejected, rejected]);
    await expect(group.wait()).rejects.toBe(error);
  });

  test("resolves for all who wait, also who comes when it is over", async () => {
    const group = new Group();
    group.go(async () => {});
    await Promise.all([group.wait(), group.wait()]);
    await group.wait();
    expect(group.errors).toEqual([]);
  });

  test("cancels the context once it settles, and not before the last task has ended", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const waited = group.wait();
    await drained();
    expect(group.context.aborted).toBe(false);
    gate.resolve();
    await waited;
    expect(group.context.aborted).toBe(true);
  });

  test("resolves although the context it gives out is canceled by its own end", async () => {
    const group = new Group();
    group.go(async () => {});
    expect(await outcome(group.wait({ signal: group.context }))).toEqual({ status: "fulfilled", value: undefined });
  });

  test("leaves the parent context alone, whatever happens inside", async () => {
    const parent = Context.background.withCancel();
    const group = new Group({ signal: parent });
    group.go(() => Promise.reject(new Error("inside")));
    await expect(group.wait()).rejects.toThrow("inside");
    expect([group.context.aborted, parent.aborted]).toEqual([true, false]);
  });

  test("called inside a task waits for that very task, and so has to be released by its signal", async () => {
    const group = new Group();
    const impatient = Context.background.withCancel();
    const task = group.go(() => group.wait({ signal: impatient }).catch(() => "gave up"));
    expect((await outcome(group.wait({ signal: AbortSignal.abort() }))).status).toBe("rejected");
    await drained();
    expect(task.state).toBe("running");
    impatient.cancel();
    await group.wait();
    expect(task.value).toBe("gave up");
  });
});

describe("after wait() has settled", () => {
  test("go() and tryGo() throw, and run nothing", async () => {
    const group = new Group();
    await group.wait();
    let ran = false;
    const body = (): void => void (ran = true);
    for (const start of [() => group.go(body), () => group.tryGo(body)]) {
      expect(start).toThrow(SnowshedError);
      expect(start).toThrow(expect.objectContaining({ code: "SNOWSHED_GROUP_CLOSED" }));
    }
    expect([ran, group.running, group.queued]).toEqual([false, 0, 0]);
    await group.wait();
  });

  test("go() throws also when the wait rejected", async () => {
    const group = new Group();
    group.go(() => Promise.reject(new Error("no")));
    await outcome(group.wait());
    expect(() => group.go(() => {})).toThrow(expect.objectContaining({ code: "SNOWSHED_GROUP_CLOSED" }));
  });

  test("go() still works when a wait() was only given up", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const impatient = Context.background.withCancel();
    const waited = observe(group.wait({ signal: impatient }));
    impatient.cancel();
    await drained();
    expect(waited.outcome).toEqual({ status: "rejected", reason: impatient.reason });
    gate.resolve();
    await drained();
    const late = group.go(() => "late");
    await group.wait();
    expect(late.value).toBe("late");
  });

  test("cancel() and a change of concurrency do nothing, ready() resolves", async () => {
    const group = new Group({ concurrency: 0 });
    await group.wait();
    group.cancel(new Error("too late"));
    group.concurrency = 3;
    await group.ready();
    await group.wait();
    expect(group.errors).toEqual([]);
  });
});

describe("while a group has no tasks for a moment", () => {
  test("it stays open: only a settled wait() closes it", async () => {
    const group = new Group();
    await group.go(() => 1);
    await drained();
    expect([group.running, group.context.aborted]).toEqual([0, false]);
    const second = group.go(() => 2);
    await group.wait();
    expect(second.value).toBe(2);
  });
});
