// What surrounds the monitor is as bad as it can be: clocks and hooks of the program that throw, a working directory that is
// gone, another copy of the package, names that were taken from a request, and more of everything than is kept.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { disable, enable, formatDump, formatProfile, profile, snapshot } from "snowshed/diagnostics";
import { Group, Semaphore, WaitGroup } from "snowshed";
import { useLeakCheck } from "snowshed/testing";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { runModule } from "../support/child-process.ts";

const timeout = 90_000;

describe.concurrent("a clock that throws", () => {
  const clock = (broken: string): string => `
    import { Group } from "snowshed";
    import { disable, enable, snapshot } from "snowshed/diagnostics";
    let isBroken = false;
    const clock = {
      now: () => performance.now(),
      date: () => Date.now(),
      random: () => 0.5,
      setTimeout(callback, ms) {
        const timer = setTimeout(callback, ms).unref();
        return () => clearTimeout(timer);
      },
      ${broken}
    };
    process.on("warning", ({ code }) => console.log(code));
    enable("development", { sweepInterval: 20, clock, eventLoopBlocked: Infinity });
    isBroken = true;
    const group = new Group();
    group.go(() => new Promise((resolve) => setTimeout(resolve, 100)));
    await group.wait();
    disable();
    console.log(snapshot().preset);
  `;

  test("when it is to be woken again", { timeout }, async () => {
    const { stdout, code } = await runModule(
      clock(
        'setTimeout(callback, ms) { if (isBroken) throw new Error("no more"); return void setTimeout(callback, ms); },',
      ),
    );
    expect([code, stdout]).toEqual([0, "SNOWSHED_DIAGNOSTICS\nnone\n"]);
  });

  test("what has no text", { timeout }, async () => {
    const { stdout, code } = await runModule(
      clock("now() { if (isBroken) throw Object.create(null); return performance.now(); },"),
    );
    expect([code, stdout]).toEqual([0, "SNOWSHED_DIAGNOSTICS\nnone\n"]);
  });

  test("when it is to forget a timer", { timeout }, async () => {
    const { stdout, code } = await runModule(
      clock(
        'setTimeout(callback, ms) { setTimeout(callback, ms).unref(); return () => { throw new Error("never"); }; },',
      ),
    );
    expect([code, stdout]).toEqual([0, "none\n"]);
  });
});

test("a program whose process.emitWarning() throws goes on, and its listeners are told", { timeout }, async () => {
  const { stdout, code } = await runModule(`
    import { Semaphore, WaitGroup } from "snowshed";
    import { enable, snapshot } from "snowshed/diagnostics";
    process.emitWarning = () => { throw new Error("no warnings"); };
    const monitor = enable("test", { eventLoopBlocked: Infinity });
    monitor.onWarning(({ code }) => console.log(code));
    monitor.onWarning(() => { throw new Error("broken"); });
    const semaphore = new Semaphore(1);
    const group = new WaitGroup();
    group.go(async () => { await semaphore.acquire(); });
    await group.wait();
    console.log(snapshot().preset, monitor.warnings.length);
  `);
  expect([code, stdout]).toEqual([0, "SS006\ntest 1\n"]);
});

describe.concurrent("where something was made", () => {
  test(
    "is not known if the program makes the text and fails, or has no folder, and all else is",
    { timeout },
    async () => {
      const program = `
      import { mkdtempSync, rmdirSync } from "node:fs";
      import { tmpdir } from "node:os";
      const { Group } = await import("snowshed");
      const { enable, snapshot } = await import("snowshed/diagnostics");
      process.on("warning", ({ code }) => console.log(code));
      const monitor = enable("development", { sweepInterval: "1h", eventLoopBlocked: Infinity });
      const group = new Group();
      const start = (name) => group.go(() => new Promise((resolve) => setTimeout(resolve, 50)), { name });
      const folder = mkdtempSync(tmpdir() + "/snowshed-gone-");
      process.chdir(folder);
      rmdirSync(folder);
      start("no folder");
      monitor.sweep();
      console.log(typeof snapshot().tasks[0].site);
      const { prepareStackTrace } = Error;
      Error.prepareStackTrace = () => { throw new Error("no text"); };
      start("no text");
      monitor.sweep();
      console.log(snapshot().tasks[1].site);
      Error.prepareStackTrace = prepareStackTrace;
      await group.wait();
    `;
      const { stdout, code } = await runModule(program);
      expect([code, stdout]).toEqual([0, "string\nnull\n"]);
    },
  );
});

describe.concurrent("the detector", () => {
  test("waits for a listener that works in several steps before it wakes a task", { timeout }, async () => {
    const program = (steps: number): string => `
      import { Group } from "snowshed";
      import { enable, installDeadlockDetector } from "snowshed/diagnostics";
      enable("production");
      installDeadlockDetector();
      let wake;
      new Group().go(() => new Promise((resolve) => { wake = resolve; }));
      let step = 0;
      process.on("beforeExit", () => {
        if (step < 3) setTimeout(() => { if (++step === ${steps}) wake(); }, 5);
      });
    `;
    expect((await runModule(program(3))).code).toBe(0);
    expect((await runModule(program(4))).code).toBe(2);
  });

  test("takes no task for asleep whose end another copy of the package has seen", { timeout }, async () => {
    const dist = fileURLToPath(new URL("../../dist", import.meta.url));
    const copy = mkdtempSync(path.join(tmpdir(), "snowshed-copy-"));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    cpSync(dist, path.join(copy, "dist"), { recursive: true, filter: (file) => !file.includes("adapters") });
    cpSync(path.join(dist, "../package.json"), path.join(copy, "package.json"));
    const other = JSON.stringify(path.join(copy, "dist/diagnostics/index.js"));
    const { code, stdout } = await runModule(`
      import { Group } from "snowshed";
      import { activeMonitor, enable, installDeadlockDetector } from "snowshed/diagnostics";
      const other = await import(${other});
      enable("production");
      installDeadlockDetector();
      const group = new Group();
      group.go(() => new Promise((resolve) => setTimeout(resolve, 20)));
      other.enable("production");
      console.log(activeMonitor(), other.activeMonitor().preset);
      group.go(() => {}, { name: "seen" });
      console.log(other.snapshot().tasks[0].name);
      await group.wait();
    `);
    expect([code, stdout]).toEqual([0, "null production\nseen\n"]);
  });
});

describe("names", () => {
  afterEach(() => disable());

  // C1 and DEL, which JSON leaves as they are, and what turns the direction of a text around.
  const steering = "a\u001B]0;owned\u0007\u009B31m\u007F\u202Eevil\u2066\n\r";
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const unsafe = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069]/;

  test("steer no terminal, neither in a warning nor in a dump", () => {
    const warnings: string[] = [];
    const { emitWarning } = process;
    onTestFinished(() => void Object.assign(process, { emitWarning }));
    process.emitWarning = (text) => void warnings.push(String(text));
    const monitor = enable("test", { longBlocked: 1, sweepInterval: "1h" });
    const semaphore = new Semaphore(1, { name: steering });
    const group = new Group({ name: steering });
    for (let n = 0; n < 2; n++) group.go(() => semaphore.acquire(), { name: steering });
    monitor.warn("SS009", `the ${steering}`, { site: `/tmp/${steering}` });
    const text = formatDump(snapshot()) + formatProfile(profile("task"));
    for (const each of [text, ...warnings, ...monitor.warnings.map(({ message }) => message)]) {
      expect(each).not.toMatch(unsafe);
      expect(each).toContain(String.raw`\u202eevil`);
    }
    expect(text).not.toContain("\n\\r");
    expect(snapshot().tasks[0]?.name).toBe(steering);
    semaphore.release();
  });

  test("of a megabyte are cut", () => {
    enable("test");
    const name = "x".repeat(1_000_000);
    const semaphore = new Semaphore(1, { name });
    const group = new Group({ name });
    group.go(() => new Promise(() => {}), { name });
    const { tasks, resources } = snapshot();
    expect([...tasks, ...resources].map((each) => each.name.length)).toEqual([2001, 2001, 2001]);
    expect(semaphore.name).toBe(name);
  });
});

describe("a flood", () => {
  afterEach(() => disable());

  test("of one warning hides no other", () => {
    const monitor = enable("test", { silence: [] });
    process.removeAllListeners("warning");
    for (let n = 0; n < 2000; n++) monitor.warn("SS009", "too long", { site: `${n}` });
    monitor.warn("SS002", "deadlock", { site: "here" });
    expect(monitor.warnings.at(-1)?.code).toBe("SS002");
  });

  test("of waits for what is collected, and of leaked tasks, fills no memory", { timeout }, async () => {
    const { stdout, stderr, code } = await runModule(`
      import { Channel, Semaphore, WaitGroup } from "snowshed";
      import { enable } from "snowshed/diagnostics";
      const silence = ["SS002", "SS004", "SS010"];
      const monitor = enable("production", { silence, sweepInterval: "1h" });
      const turn = () => new Promise((resolve) => setImmediate(resolve));
      const kinds = {
        receivers: () => void new Channel().receive(),
        leaks: () => {
          const group = new WaitGroup();
          const semaphore = new Semaphore(1);
          semaphore.tryAcquire();
          group.go(() => semaphore.acquire());
          void group.wait();
        },
      };
      for (const [name, make] of Object.entries(kinds)) {
        for (let n = 0; n < 5; n++) {
          for (let each = 0; each < 3000; each++) make();
          monitor.weaken();
          monitor.sweep();
          await turn();
          gc();
          await turn();
          await turn();
        }
        for (let n = 0; n < 2; n++) { await turn(); gc(); }
        await turn();
        console.log(name, [...monitor.waits()].length, [...monitor.resources()].length, [...monitor.tasks()].length);
      }
    `);
    expect([code, stderr]).toEqual([0, ""]);
    const [, receivers, leaks] = /^receivers (.*)\nleaks (.*)\n$/.exec(stdout) ?? [];
    // One round more than is kept, at most, was made before it was known.
    for (const count of receivers!.split(" ").map(Number)) expect(count).toBeLessThanOrEqual(12_000);
    for (const count of leaks!.split(" ").map(Number)) expect(count).toBeLessThanOrEqual(36_000);
  });

  test("of permits and resources makes no sweep long", () => {
    const monitor = enable("development", { sweepInterval: "1h" });
    const { prepareStackTrace } = Error;
    onTestFinished(() => void Object.assign(Error, { prepareStackTrace }));
    let texts = 0;
    Error.prepareStackTrace = (error, frames) => {
      texts++;
      return `${error.message} of ${frames.length} frames`;
    };
    for (let n = 0; n < 5000; n++) void new Semaphore(1);
    monitor.sweep();
    expect(texts).toBe(2000);
  });
});

describe("useLeakCheck()", () => {
  afterEach(() => disable());

  test("blames no test before which a hook of somebody else has failed", async () => {
    const hooks: (() => unknown)[] = [];
    const add = (hook: () => unknown): void => void hooks.push(hook);
    useLeakCheck({ beforeEach: add, afterEach: add, timeout: 0 });
    const [before, after] = hooks as [() => unknown, () => Promise<void>];
    process.removeAllListeners("warning");
    before();
    new WaitGroup().go(() => new Promise(() => {}), { name: "left" });
    await expect(after()).rejects.toMatchObject({ code: "SNOWSHED_LEAK_FOUND" });
    await expect(after()).resolves.toBeUndefined();
  });
});
