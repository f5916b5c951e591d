// Chapter 2.2: the misuses of a WaitGroup, each shown to fail in the way the article says, and mended.
import { Context, DeadlineExceededError, WaitGroup } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { drained, observe } from "../support/promises.ts";

const negativeCounter: unknown = expect.objectContaining({ code: "SNOWSHED_NEGATIVE_COUNTER" });
const urls = ["/a", "/b", "/c"];

describe("R03: done() before add()", () => {
  test("is SNOWSHED_NEGATIVE_COUNTER in the task that called it", async () => {
    const group = new WaitGroup();
    const task = observe(
      (async () => {
        await drained();
        group.done();
      })(),
    );
    // The waiter, for whom nothing was counted, does not wait.
    await group.wait();
    await drained();
    await drained();
    expect(task.outcome).toEqual({ status: "rejected", reason: negativeCounter });
    expect(group.count).toBe(0);
  });

  test("is named in the message", () => {
    expect(() => new WaitGroup().done()).toThrow(/done\(\) without its add\(\)/);
  });

  test("cannot happen with go()", async () => {
    const group = new WaitGroup();
    group.go(() => drained());
    await group.wait();
    expect(group.count).toBe(0);
  });
});

describe("R03: add() inside the task", () => {
  test("comes after wait() has looked: the waiter goes on without the results", async () => {
    const group = new WaitGroup();
    const results: string[] = [];
    for (const url of urls) {
      void (async () => {
        await drained();
        group.add();
        results.push(url);
        group.done();
      })();
    }
    await group.wait();
    expect(results).toEqual([]);
    await drained();
    expect(results).toEqual(urls);
  });

  test("is mended by add() before the start, or by go()", async () => {
    const before = new WaitGroup();
    const within = new WaitGroup();
    const results: string[] = [];
    const fetching = async (url: string): Promise<void> => {
      await drained();
      results.push(url);
    };
    for (const url of urls) {
      before.add();
      void fetching(url).finally(() => before.done());
      within.go(() => fetching(url));
    }
    await before.wait();
    await within.wait();
    expect(results).toHaveLength(6);
  });
});

describe("R03: done() twice", () => {
  test("releases the waiter too early, and is SNOWSHED_NEGATIVE_COUNTER in whoever comes last", async () => {
    const group = new WaitGroup();
    group.add(2);
    const slow = observe(
      drained()
        .then(drained)
        .then(() => group.done()),
    );
    // An error path and a `finally` that both count down.
    group.done();
    group.done();
    await group.wait();
    expect(slow.outcome.status).toBe("pending");
    await drained();
    await drained();
    await drained();
    expect(slow.outcome).toEqual({ status: "rejected", reason: negativeCounter });
  });

  test("cannot happen with go(), which counts each task down once, however it ends", async () => {
    const group = new WaitGroup();
    group.go(() => drained());
    group.go(() => {
      throw new Error("failed at once");
    });
    group.go(() => Promise.reject(new Error("failed later")));
    const failure = await group.wait().catch((error: unknown) => error);
    expect((failure as AggregateError).errors).toEqual([new Error("failed at once"), new Error("failed later")]);
    expect(group.count).toBe(0);
  });
});

describe("R03: add() without done()", () => {
  test("is a wait() without end, which a deadline ends with a named error", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const group = new WaitGroup();
    // Twice for one task: the repeated add.
    group.add();
    group.add();
    group.done();
    const forever = observe(group.wait({ signal: root }));
    const bounded = observe(group.wait({ signal: root.withTimeout("8s") }));
    await clock.advance("1h");
    expect(forever.outcome.status).toBe("pending");
    expect(bounded.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
    expect(group.count).toBe(1);
    // The negative control: with the done() that was missing it ends.
    group.done();
    await drained();
    expect(forever.outcome.status).toBe("fulfilled");
  });
});

describe("R03: a wait() that is never reached", () => {
  const program = (rest: string): string => `
    import { WaitGroup } from "snowshed";
    const group = new WaitGroup();
    group.go(async () => { throw new Error("lost"); });
    ${rest}`;

  test("does not lose the error of a task: the process ends with it", async () => {
    const { code, stderr } = await runModule(program(""));
    expect(code).toBe(1);
    expect(stderr).toContain("Error: lost");
  });

  test("because of an early return does not lose it, either", async () => {
    const code = program(`
      async function handle() {
        if (group.count > 0) return "early";
        await group.wait();
      }
      console.log(await handle());`);
    const { stdout, stderr, code: exit } = await runModule(code);
    expect([exit, stdout]).toEqual([1, "early\n"]);
    expect(stderr).toContain("Error: lost");
  });

  test("is not what happens when somebody waits, however late", async () => {
    const code = program(`
      await new Promise((resolve) => setTimeout(resolve, 10));
      await group.wait().catch((error) => console.log("got", error.message));`);
    expect(await runModule(code)).toEqual({ code: 0, stdout: "got lost\n", stderr: "" });
  });
});
