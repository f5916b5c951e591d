// Chapter 2.5: the snippet and the anti-patterns, and what the article asks for to find them: a live count of tasks, a
// profile of what they do, and a trace of each.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Group, WaitGroup } from "snowshed";
import type { TaskEndMessage, TaskMessage } from "snowshed/diagnostics";
import { detectLeaks, disable, enable, formatProfile, profile, snapshot } from "snowshed/diagnostics";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe("R06: leakyWorker", () => {
  const never = new Promise<void>(() => {});

  test("outlives its caller, whose `done` never comes", async () => {
    const log: string[] = [];
    const leakyWorker = (done: Promise<void>): void => {
      void Promise.race([root.sleep("5s").then(() => log.push("work done")), done]);
    };
    leakyWorker(never);
    await clock.advance(4999);
    // Nobody can call it off, nor wait for it.
    expect([log, clock.pending]).toEqual([[], 1]);
    // The article says that it never ends; as it is written there, its own timer ends it after 5 s.
    await clock.advance(1);
    expect(log).toEqual(["work done"]);
  });

  test("never ends when it waits for nothing but `done`", async () => {
    const worker = observe(never);
    await clock.advance("10h");
    expect(worker.outcome.status).toBe("pending");
  });

  test("is mended by a context: it ends with its caller, timer and all", async () => {
    const context = root.withCancel();
    const group = new Group({ signal: context });
    group.go((own) => own.sleep("5s"));
    await drained();
    expect(clock.pending).toBe(1);
    context.cancel();
    expect((await outcome(group.wait())).status).toBe("rejected");
    expect([clock.pending, group.running]).toEqual([0, 0]);
  });
});

describe("R06: a group that escapes its scope", () => {
  test("a WaitGroup handed to a task that goes on after its function has returned counts on, and shows it", async () => {
    const handle = (): WaitGroup => {
      const group = new WaitGroup();
      group.go(() => root.sleep(1000));
      return group;
    };
    const escaped = handle();
    expect(escaped.count).toBe(1);
    await clock.advance(1000);
    expect(escaped.count).toBe(0);
  });

  test("a Group that is disposed of cannot: leaving the scope early cancels its tasks and waits for them", async () => {
    const log: string[] = [];
    const handle = async (): Promise<string> => {
      const group = new Group({ signal: root });
      try {
        group.go(async (context) => {
          await context.sleep("1h").catch(() => root.sleep(5));
          log.push("task ended");
        });
        return "early";
      } finally {
        await group[Symbol.asyncDispose]();
        log.push("scope left");
      }
    };
    const handled = observe(handle());
    await clock.advance(4);
    expect(handled.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(handled.outcome).toEqual({ status: "fulfilled", value: "early" });
    expect(log).toEqual(["task ended", "scope left"]);
  });

  test("a Group that was waited for takes no more tasks", async () => {
    const group = new Group({ signal: root });
    await group.wait();
    expect(() => group.go(() => 1)).toThrow(expect.objectContaining({ code: "SNOWSHED_GROUP_CLOSED" }) as Error);
  });
});

describe("R06: the tools that find them", () => {
  afterEach(disable);

  const watch = () => enable("development", { clock, silence: ["SS004"], eventLoopBlocked: Number.POSITIVE_INFINITY });

  /** As the article has it, as a task: it ends when its work is done, or when `done` comes. */
  const leakyWorker = (workers: WaitGroup, done: Promise<void>): void => {
    workers.go(() => done, { name: "leakyWorker" });
  };

  test("the live count of tasks rises with each call, and falls when they end", async () => {
    watch();
    const workers = new WaitGroup({ name: "workers" });
    const counts: number[] = [];
    const ends: (() => void)[] = [];
    for (let call = 0; call < 3; call++) {
      leakyWorker(workers, new Promise((resolve) => ends.push(resolve)));
      counts.push(snapshot().totals.tasksLive);
    }
    for (const end of ends) end();
    await workers.wait();
    counts.push(snapshot().totals.tasksLive);
    expect(counts).toEqual([1, 2, 3, 0]);
  });

  test("the profile shows how many there are, since when, and where they were made", async () => {
    watch();
    const workers = new WaitGroup({ name: "workers" });
    let end!: () => void;
    const done = new Promise<void>((resolve) => {
      end = resolve;
    });
    for (let call = 0; call < 100; call++) {
      leakyWorker(workers, done);
      await clock.advance("1s");
    }
    const [group, ...others] = profile("task").groups;
    expect([group?.count, group?.name, group?.oldest, others]).toEqual([100, "leakyWorker", 100_000, []]);
    expect(group?.site).toMatch(/R06\.test\.ts:\d+:\d+$/);
    expect(formatProfile(profile("task"))).toMatch(/^100 tasks\n {4}100 "leakyWorker" \[running, 1m40s\] made at /);
    end();
    await workers.wait();
  });

  test("one whose `done` nobody can send any more is proved to be leaked, one whose can is not", async () => {
    watch();
    const workers = new WaitGroup({ name: "workers" });
    const kept: (() => void)[] = [];
    leakyWorker(workers, new Promise(() => {}));
    leakyWorker(workers, new Promise((resolve) => kept.push(resolve)));
    const leaks = await detectLeaks({ gc: true });
    expect(leaks.map(({ id, name, state }) => [id, name, state])).toEqual([[1, "leakyWorker", "leaked"]]);
    expect(profile("leak").total).toBe(1);
    expect(kept).toHaveLength(1);
  });

  test("the trace of each task: its start, its end, and the task that made it", async () => {
    watch();
    const trace: string[] = [];
    const started = (message: unknown): void => {
      const { name, parent, scope } = message as TaskMessage;
      trace.push(`${name} in ${scope.name} by ${parent}`);
    };
    const ended = (message: unknown): void => {
      const { name, outcome: how, age } = message as TaskEndMessage;
      trace.push(`${name} ${how} after ${age} ms`);
    };
    subscribe("snowshed:task:start", started);
    subscribe("snowshed:task:end", ended);
    onTestFinished(() => {
      unsubscribe("snowshed:task:start", started);
      unsubscribe("snowshed:task:end", ended);
    });
    const group = new Group({ name: "request", signal: root });
    group.go(
      async (own) => {
        await own.sleep(10);
        group.go((inner) => inner.sleep(30), { name: "inner" });
      },
      { name: "outer" },
    );
    await clock.advance(50);
    await group.wait();
    expect(trace).toEqual([
      "outer in request by null",
      "inner in request by 1",
      "outer fulfilled after 10 ms",
      "inner fulfilled after 30 ms",
    ]);
  });
});
