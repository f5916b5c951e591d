// Chapter 2.5: the snippet and the anti-patterns. The tools that find them at run time have tests of their own.
import { Group, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
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
