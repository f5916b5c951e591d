// Chapter 3.1: the error group bound to a cancellation context, its table of what happens when, and where it errs.
import { CanceledError, DeadlineExceededError, Group } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe("R07: when the context is canceled", () => {
  test("tasks that were not started yet are skipped", async () => {
    const context = root.withCancel();
    const group = new Group({ signal: context, concurrency: 1 });
    const begun: number[] = [];
    const tasks = [0, 1, 2].map((index) =>
      group.go(async (own) => {
        begun.push(index);
        await own.sleep("1h");
      }),
    );
    context.cancel();
    // Neither are those that come after it.
    tasks.push(group.go(() => void begun.push(3)));
    await expect(group.wait()).rejects.toBeInstanceOf(CanceledError);
    expect(begun).toEqual([0]);
    expect(tasks.map(({ state }) => state)).toEqual(["rejected", "skipped", "skipped", "skipped"]);
  });

  test("every running task is told, by its context and by the native signal", async () => {
    const context = root.withCancel();
    const group = new Group({ signal: context });
    const told: string[] = [];
    for (const name of ["Task1", "Task2"]) {
      group.go(async (own) => {
        own.signal.addEventListener("abort", () => told.push(`${name} by its signal`));
        await own.sleep("1h").catch(() => told.push(`${name} by its context`));
      });
    }
    const waiting = observe(group.wait());
    context.cancel();
    await drained();
    expect(told.toSorted()).toEqual([
      "Task1 by its context",
      "Task1 by its signal",
      "Task2 by its context",
      "Task2 by its signal",
    ]);
    // Both took it well and ended without an error: nothing failed and nothing was skipped.
    expect(waiting.outcome.status).toBe("fulfilled");
  });
});

describe("R07: when a task returns an error", () => {
  test("the group's context is canceled at once, and the other task with it", async () => {
    const group = new Group({ signal: root });
    const error = new Error("f() error");
    let told: unknown;
    group.go(async () => {
      await root.sleep(5);
      throw error;
    });
    group.go(async (own) => {
      await own.sleep("1h").catch(() => {
        told = own.cause;
      });
    });
    const waiting = observe(group.wait());
    await clock.advance(5);
    expect(told).toBe(error);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: error });
    expect(group.context.aborted).toBe(true);
    expect((group.context.reason as CanceledError).cause).toBe(error);
  });

  test("its parent is not: the article says that it is, and errgroup does not do that, either", async () => {
    const parent = root.withCancel();
    const sibling = new Group({ signal: parent });
    const survives = sibling.go((own) => own.sleep(10).then(() => "done"));
    const group = new Group({ signal: parent });
    group.go(() => {
      throw new Error("f() error");
    });
    await expect(group.wait()).rejects.toThrow("f() error");
    expect([parent.aborted, sibling.context.aborted]).toEqual([false, false]);
    await clock.advance(10);
    await sibling.wait();
    expect(survives.value).toBe("done");
  });
});

describe("R07: the tree", () => {
  test("is canceled as a whole below the canceled place, nothing above or beside it, and all before cancel() returns", () => {
    const main = root.withCancel();
    const group = main.withCancel();
    const [task, otherTask] = [group.withCancel(), group.withTimeout("3s")];
    const beside = main.withCancel();
    group.cancel(new Error("why"));
    expect([group, task, otherTask].map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect([main, beside].map(({ aborted }) => aborted)).toEqual([false, false]);
    expect([group, task, otherTask].map(({ cause }) => cause)).toEqual(
      Array.from({ length: 3 }, () => new Error("why")),
    );
    main.cancel();
    expect(beside.aborted).toBe(true);
    // The first cancellation counts.
    expect(task.cause).toEqual(new Error("why"));
  });

  test("keeps the earliest deadline: a request's 3 s end with the 8 s of all", async () => {
    const all = root.withTimeout("8s");
    const first = all.withTimeout("3s");
    await clock.advance("6s");
    const second = all.withTimeout("3s");
    expect([first.aborted, second.remaining()]).toEqual([true, 2000]);
    await clock.advance("2s");
    expect(second.reason).toBeInstanceOf(DeadlineExceededError);
    expect(second.reason).toBe(all.reason);
  });

  test("tells a deadline from a cancellation, and why", async () => {
    const group = new Group({ signal: root.withTimeout("8s", "the caller's budget") });
    group.go((own) => own.sleep("1h"));
    const waiting = observe(group.wait());
    await clock.advance("8s");
    expect(waiting.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
    expect(group.context.cause).toBe("the caller's budget");
    const canceled = new Group();
    canceled.go((own) => own.sleep("1h"));
    canceled.cancel("client went away");
    await expect(canceled.wait()).rejects.toMatchObject({ name: "AbortError", cause: "client went away" });
  });

  test("does not outlive the group: its context is canceled once wait() has settled", async () => {
    const group = new Group({ signal: root });
    group.go(() => "done");
    await group.wait();
    expect(group.context.aborted).toBe(true);
  });
});
