// What only a process of its own can show: when it ends, what it reports as uncaught, what its collector takes.
import { afterAll, describe, expect, test } from "vitest";
import { copyOfPackage, removeCopies } from "../support/built-package.ts";
import { runModule } from "../support/child-process.ts";

afterAll(removeCopies);

describe("a process", () => {
  test("is not kept running by the timers of bare contexts", async () => {
    const ended = await runModule(`
      import { Context } from "snowshed";
      const context = Context.background.withTimeout("1h").withDeadline(Date.now() + 60_000);
      context.signal.addEventListener("abort", () => console.log("never"));
      context.onAbort(() => console.log("never"));
      Context.background.withTimeout(2 ** 40);
      console.log("end");
    `);
    expect(ended).toEqual({ code: 0, stdout: "end\n", stderr: "" });
  });

  test("is kept running by sleep(), until it is over", async () => {
    const ended = await runModule(`
      import { Context } from "snowshed";
      Context.background.sleep(20).then(() => console.log("woke"));
      Context.background.withTimeout(40).sleep("1h").catch((error) => console.log(error.name));
      const canceled = Context.background.withCancel();
      canceled.sleep("1h").catch((error) => console.log("canceled", error.name));
      setTimeout(() => canceled.cancel(), 60);
      console.log("end");
    `);
    expect(ended).toEqual({ code: 0, stdout: "end\nwoke\nTimeoutError\ncanceled AbortError\n", stderr: "" });
  });
});

describe("a batch", () => {
  test("keeps the process running until its deadline, also when that is its caller's", async () => {
    const ended = await runModule(`
      import { batch, Context } from "snowshed";
      const never = () => new Promise(() => {});
      const print = ({ stats }) => console.log(stats.failed);
      batch([1], never, { deadline: 20 }).then(print);
      batch([1], never, { deadline: "10s", signal: Context.background.withTimeout(40) }).then(print);
    `);
    expect(ended).toEqual({ code: 0, stdout: "1\n1\n", stderr: "" });
  });
});

describe("a listener that throws", () => {
  const listeners = `
    import { Context } from "snowshed";
    const root = Context.background.withCancel();
    const child = root.withCancel();
    root.onAbort(() => console.log("first"));
    root.onAbort(() => { throw new Error("thrown by a listener"); });
    root.onAbort(() => console.log("third"));
    root.signal.addEventListener("abort", () => { throw new Error("thrown by a native listener"); });
    root.signal.addEventListener("abort", () => console.log("native second"));
    child.signal.addEventListener("abort", () => console.log("native child"));
    child.onAbort(() => console.log("child"));
    child.sleep("1h").catch((error) => console.log("sleeper", error === root.reason));
    root.cancel();
    console.log("canceled", child.aborted);
  `;

  test("is reported as uncaught and stops no other", async () => {
    const { code, stdout, stderr } = await runModule(`
      process.on("uncaughtException", (error, origin) => console.log(origin, error.message));
      ${listeners}
    `);
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trim().split("\n");
    expect(lines.slice(0, 3)).toEqual(["native second", "native child", "canceled true"]);
    expect(lines.slice(3).toSorted()).toEqual(
      [
        "first",
        "third",
        "child",
        "sleeper true",
        "uncaughtException thrown by a listener",
        "uncaughtException thrown by a native listener",
      ].toSorted(),
    );
  });

  test("ends a process that handles nothing, as any uncaught error does", async () => {
    const { code, stdout, stderr } = await runModule(listeners);
    expect(code).toBe(1);
    expect(stdout).toContain("canceled true");
    expect(stderr).toMatch(/Error: thrown by a (native )?listener/);
  });
});

describe("under a busy garbage collector", () => {
  test("every abort arrives, where Node 20 loses those of composed timeout signals", async () => {
    const { code, stdout, stderr } = await runModule(`
      import { Context } from "snowshed";
      const arrived = new Set();
      const arm = (name, make) => {
        const signal = make();
        const call = () => arrived.add(name);
        if (signal.onAbort) signal.onAbort(call);
        else signal.addEventListener("abort", call);
      };
      // The control: first in time, so it has had its chance when the others have arrived. None of them is due before the
      // collector has run, however slow the machine.
      arm("platform", () => AbortSignal.any([AbortSignal.timeout(1000)]));
      const ours = {
        "timeout": () => Context.background.withTimeout(1100),
        "child of a timeout": () => Context.background.withTimeout(1100).withCancel().withTimeout("1h"),
        "signal": () => Context.background.withTimeout(1100).signal,
        "signal of a child": () => Context.background.withTimeout(1100).withCancel().signal,
        "composed of ours": () => AbortSignal.any([Context.background.withTimeout(1100).signal]),
        "of a platform timeout": () => Context.from(AbortSignal.timeout(1100)),
        "child of a platform timeout": () => Context.from(AbortSignal.timeout(1100)).withCancel().withTimeout("1h"),
        "signal below a platform timeout": () => Context.from(AbortSignal.timeout(1100)).withCancel().signal,
      };
      for (const [name, make] of Object.entries(ours)) arm(name, make);
      const missing = () => Object.keys(ours).filter((name) => !arrived.has(name));
      for (const end = performance.now() + 20_000; missing().length > 0 && performance.now() < end; ) {
        gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
      console.log(JSON.stringify({ missing: missing(), platform: arrived.has("platform") }));
    `);
    expect([code, stderr]).toEqual([0, ""]);
    const { missing, platform } = JSON.parse(stdout) as { missing: string[]; platform: boolean };
    expect(missing).toEqual([]);
    // Later releases have repaired it; on 20 the control must fail, or this test shows nothing.
    if (process.version.startsWith("v20.")) expect(platform).toBe(false);
  });
});

describe("on the real clock", () => {
  test("no timer is early by the monotonic one", async () => {
    const { code, stdout, stderr } = await runModule(`
      import { Context, systemClock } from "snowshed";
      const early = [];
      let left = 800;
      const measure = (start, ms) => () => {
        const passed = performance.now() - start;
        // A nanosecond less than it is a rounding error of the subtraction.
        if (passed < ms - 1e-6) early.push([ms, passed]);
        if (--left === 0) console.log(JSON.stringify(early));
      };
      for (let index = 0; index < 400; index++) {
        const ms = index * 0.137;
        systemClock.setTimeout(measure(performance.now(), ms), ms);
        const start = performance.now();
        const context = Context.background.withTimeout(ms + 0.5);
        context.onAbort(measure(start, ms + 0.5));
      }
      setTimeout(() => {}, 100);
    `);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual([]);
  });
});

describe("two copies of the package in one process", () => {
  const copies = (): string => `
    import { getEventListeners } from "node:events";
    import * as one from "${copyOfPackage()}";
    import * as two from "${copyOfPackage()}";
    const thrownBy = (call) => { try { call(); } catch (error) { return error; } };
    const rejectionOf = (promise) => promise.then(() => "fulfilled", (error) => error);
  `;
  const run = async (code: string): Promise<unknown> => {
    const ended = await runModule(`${copies()}\nconsole.log(JSON.stringify(await (async () => { ${code} })()));`);
    expect([ended.code, ended.stderr]).toEqual([0, ""]);
    return JSON.parse(ended.stdout) as unknown;
  };

  test("know each other's errors", async () => {
    const known = await run(`
      class Mine extends one.CanceledError {}
      const closed = thrownBy(() => { const channel = new one.Channel(1); channel.close(); channel.close(); });
      return {
        control: one.CanceledError === two.CanceledError || Object.getPrototypeOf(new one.CanceledError()) === two.CanceledError.prototype,
        canceled: new one.CanceledError() instanceof two.CanceledError,
        deadline: new one.DeadlineExceededError() instanceof two.DeadlineExceededError,
        base: [new one.CanceledError(), closed].every((error) => error instanceof two.SnowshedError),
        otherKind: new one.CanceledError() instanceof two.DeadlineExceededError || closed instanceof two.CanceledError,
        subclass: [new Mine() instanceof two.CanceledError, new two.CanceledError() instanceof Mine, new Mine() instanceof Mine],
        foreign: new DOMException("", "AbortError") instanceof two.CanceledError,
      };
    `);
    expect(known).toEqual({
      control: false,
      canceled: true,
      deadline: true,
      base: true,
      otherKind: false,
      subclass: [true, false, true],
      foreign: false,
    });
  });

  test("take each other's contexts as signal, keep their reason, and leave no listener behind", async () => {
    const taken = await run(`
      const context = one.Context.background.withCancel();
      const count = () => getEventListeners(context.signal, "abort").length;
      const semaphore = new two.Semaphore(1);
      await semaphore.acquire(1, { signal: context });
      const counts = [count()];
      const waiting = rejectionOf(semaphore.acquire(1, { signal: context }));
      const group = new two.Group({ signal: context });
      group.go(({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)));
      const waited = group.wait();
      counts.push(count());
      context.cancel("over");
      await waited;
      counts.push(count());
      const { reason } = context;
      const late = one.Context.background.withTimeout(0);
      return {
        counts,
        instance: context instanceof two.Context,
        waiting: (await waiting) === reason,
        refused: (await rejectionOf(new two.Semaphore(1).acquire(1, { signal: context }))) === reason,
        group: [group.context.aborted, group.context.reason === reason, group.context.cause === reason],
        deadline: (await rejectionOf(new two.Channel(1).send(1, { signal: late }))) === late.reason,
        from: two.Context.from(context.signal).reason === reason,
      };
    `);
    expect(taken).toEqual({
      counts: [0, 1, 0],
      instance: false,
      waiting: true,
      refused: true,
      group: [true, true, true],
      deadline: true,
      from: true,
    });
  });
});
