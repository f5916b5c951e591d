// Chapter 2.2: the misuses of a WaitGroup, each shown to fail in the way the article says, and mended.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Context, DeadlineExceededError, WaitGroup } from "snowshed";
import type { MisuseMessage } from "snowshed/diagnostics";
import { disable, enable, formatDump, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
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

describe("R03: what a watched program says of it", () => {
  const watched = (rest: string): string => `
    import { subscribe } from "node:diagnostics_channel";
    import { WaitGroup } from "snowshed";
    import { detectLeaks, enable, installDeadlockDetector } from "snowshed/diagnostics";
    enable("development", { sweepInterval: "10ms", eventLoopBlocked: Infinity });
    installDeadlockDetector();
    ${rest}`;

  test("done() before add(), and done() twice: told, even if the error is swallowed", async () => {
    const code = watched(`
      subscribe("snowshed:misuse", ({ code }) => console.log(code));
      const group = new WaitGroup();
      group.go(async function eager() { try { group.done(); group.done(); } catch {} });
      await group.wait().catch(() => {});`);
    const { stdout } = await runModule(code);
    expect(stdout).toContain("SNOWSHED_NEGATIVE_COUNTER");
  });

  test("add() without done(): the process does not end as if all had been done", async () => {
    const code = watched(`
      const pages = new WaitGroup({ name: "pages" });
      pages.add();
      await pages.wait();`);
    const { code: exit, stderr } = await runModule(code);
    expect(exit).toBe(2);
    expect(stderr).toContain("fatal: all tasks are asleep - deadlock!");
    expect(stderr).toContain('waiting outside of any known task: 1 for the wait-group "pages"');
  });

  test("add() without done(), in a task of a service that lives on: a task that can never end", async () => {
    const code = watched(`
      const requests = new WaitGroup({ name: "requests" });
      requests.go(async function serve() {
        const pages = new WaitGroup({ name: "pages" });
        pages.add();
        await pages.wait();
      });
      await detectLeaks({ gc: true });
      setTimeout(() => process.exit(0), 10);`);
    const { code: exit, stderr } = await runModule(code);
    expect(exit).toBe(0);
    expect(stderr).toMatch(/SS004.*the task "serve" can never end: .*it waits for the wait-group "pages"/);
  });

  test("a wait() that is never reached: told once the group is gone", async () => {
    const code = watched(`
      (() => { new WaitGroup({ name: "mails" }).go(async () => {}); })();
      for (let round = 0; round < 10; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        gc();
      }`);
    const { code: exit, stderr } = await runModule(code);
    expect(exit).toBe(0);
    expect(stderr).toMatch(/SS007.*wait-group "mails"/);
  });

  test("nothing, of one that is right", async () => {
    const code = watched(`
      const group = new WaitGroup();
      for (const url of ["/a", "/b"]) group.go(async () => url);
      await group.wait();`);
    expect(await runModule(code)).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("R03: what shows them in a running process", () => {
  afterEach(disable);

  test("add() without done(): a wait without end, and a group in which nothing lives", async () => {
    const clock = new FakeClock();
    enable("development", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    const group = new WaitGroup({ name: "downloads" });
    const outer = new WaitGroup({ name: "requests" });
    group.add(2);
    group.done();
    outer.go(() => group.wait(), { name: "handle" });
    await clock.advance("5m");
    const { tasks, resources } = snapshot();
    expect(tasks.map(({ name, state, wait }) => [name, state, wait?.kind, wait?.name, wait?.age])).toEqual([
      ["handle", "waiting", "wait-group", "downloads", 300_000],
    ]);
    expect(resources.find(({ name }) => name === "downloads")).toMatchObject({ pending: 1, live: 0 });
    expect(formatDump(snapshot())).toContain('task 1 "handle" [waiting wait-group "downloads", 5m0s]');
    group.done();
    await outer.wait();
    expect(snapshot().tasks).toEqual([]);
  });

  test("a done() too many is told also if its error is swallowed", () => {
    enable("development");
    const seen: unknown[] = [];
    const listener = (message: unknown): void => void seen.push((message as MisuseMessage).code);
    subscribe("snowshed:misuse", listener);
    onTestFinished(() => void unsubscribe("snowshed:misuse", listener));
    try {
      new WaitGroup().done();
    } catch {
      // As in a `catch` around everything.
    }
    expect(seen).toEqual(["SNOWSHED_NEGATIVE_COUNTER"]);
  });

  test("a wait() that is never reached: the process says so, and which group it was", async () => {
    const { stderr } = await runModule(`
      import { WaitGroup } from "snowshed";
      import { enable } from "snowshed/diagnostics";
      const monitor = enable("development");
      (() => new WaitGroup({ name: "downloads" }).go(() => {}))();
      for (let turn = 0; turn < 10; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        monitor.sweep();
        gc();
      }`);
    expect(stderr).toContain('[SS007] SnowshedWarning: the tasks of the wait-group "downloads" have ended, and nobody');
  });
});
