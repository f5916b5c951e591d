// Chapter 3.2: fail on the first error, and its alternatives.
import type { Context } from "snowshed";
import { DeadlineExceededError, Group, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import { observe } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

/** Fails at 10 ms, at 20 ms, and takes its time. What it has seen of the end is in `log`. */
const tasks = (log: string[]): ((context: Context) => Promise<string>)[] => [
  async (context) => {
    await context.sleep(20);
    throw new Error("second by time");
  },
  async (context) => {
    await context.sleep(10);
    throw new Error("first by time");
  },
  async (context) => {
    try {
      await context.sleep(1000);
      log.push("ended");
    } catch {
      log.push(`canceled at ${clock.now()}`);
    }
    return "slow";
  },
];

describe("R08: the article's snippet", () => {
  test("rejects with the first error, when the others have been canceled and have ended", async () => {
    const log: string[] = [];
    const group = new Group({ signal: root });
    for (const task of tasks(log)) {
      group.go((context) => {
        // `select { case <-ctx.Done(): return ctx.Err(); default: … }`
        context.throwIfAborted();
        return task(context);
      });
    }
    const waiting = observe(group.wait());
    await clock.advance(10);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new Error("first by time") });
    expect(log).toEqual(["canceled at 10"]);
  });

  test("leaks no task that ignores its context: it is waited for", async () => {
    const group = new Group({ signal: root });
    group.go(() => root.sleep(500));
    group.go(() => {
      throw new Error("at once");
    });
    const waiting = observe(group.wait());
    await clock.advance(499);
    expect([waiting.outcome.status, group.running]).toEqual(["pending", 1]);
    await clock.advance(1);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new Error("at once") });
  });
});

describe("R08: the alternatives of the table", () => {
  test("Promise.all, the channel and the Once of it, rejects first and leaves the rest running", async () => {
    const log: string[] = [];
    const all = observe(Promise.all(tasks(log).map((task) => task(root))));
    await clock.advance(10);
    expect(all.outcome).toEqual({ status: "rejected", reason: new Error("first by time") });
    expect(clock.pending).toBe(2);
    await clock.advance(1000);
    expect(log).toEqual(["ended"]);
  });

  test("a WaitGroup and a variable for the error keep the last one, and interrupt nothing", async () => {
    const log: string[] = [];
    let error: unknown;
    const group = new WaitGroup();
    for (const task of tasks(log)) {
      group.go(() =>
        task(root).catch((thrown: unknown) => {
          error = thrown;
        }),
      );
    }
    const waiting = observe(group.wait());
    await clock.advance(20);
    expect(waiting.outcome.status).toBe("pending");
    await clock.advance(980);
    expect(waiting.outcome.status).toBe("fulfilled");
    expect(error).toEqual(new Error("second by time"));
    expect(log).toEqual(["ended"]);
  });
});

describe("R08: what a Group can do instead", () => {
  test("collect all: everything runs, and every error is delivered", async () => {
    const log: string[] = [];
    const group = new Group({ signal: root, failFast: false });
    const [, , slow] = tasks(log).map((task) => group.go(task));
    const waiting = observe(group.wait());
    await clock.advance(1000);
    expect(waiting.outcome).toMatchObject({
      status: "rejected",
      reason: { errors: [new Error("first by time"), new Error("second by time")] },
    });
    expect([log, slow!.value]).toEqual([["ended"], "slow"]);
  });

  test("decide by a predicate: what it accepts cancels, the rest is collected", async () => {
    const log: string[] = [];
    const group = new Group({ signal: root, failFast: (error) => (error as Error).message.startsWith("second") });
    for (const task of tasks(log)) group.go(task);
    const waiting = observe(group.wait());
    await clock.advance(1000);
    expect(waiting.outcome).toEqual({ status: "rejected", reason: new Error("second by time") });
    expect(log).toEqual(["canceled at 20"]);
    expect(group.errors).toEqual([new Error("first by time"), new Error("second by time")]);
  });

  test("deliver the collected ones when nothing worse happened", async () => {
    const group = new Group({ signal: root, failFast: () => false });
    for (const task of tasks([])) group.go(task);
    const waiting = observe(group.wait());
    await clock.advance(1000);
    expect(waiting.outcome).toMatchObject({ status: "rejected", reason: { errors: { length: 2 } } });
  });
});

describe("R08: RunWithTimeout", () => {
  /** `ctx, cancel := context.WithTimeout(ctx, timeout); defer cancel(); return task(ctx)` */
  async function runWithTimeout<T>(context: Context, timeout: number, task: (own: Context) => Promise<T>): Promise<T> {
    const own = context.withTimeout(timeout);
    try {
      return await task(own);
    } finally {
      own.cancel();
    }
  }

  test("ends a task that heeds its context, and no timer stays behind", async () => {
    const late = observe(runWithTimeout(root, 100, (own) => own.sleep("1h")));
    const early = observe(runWithTimeout(root, 100, (own) => own.sleep(50).then(() => "early")));
    await clock.advance(50);
    expect(early.outcome).toEqual({ status: "fulfilled", value: "early" });
    expect(clock.pending).toBe(2);
    await clock.advance(50);
    expect(late.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
  });

  test("does not end one that ignores it: the caller waits for the whole length", async () => {
    const deaf = observe(runWithTimeout(root, 100, () => root.sleep(500)));
    await clock.advance(499);
    expect(deaf.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(deaf.outcome.status).toBe("fulfilled");
  });
});
