import * as fc from "fast-check";
import { Channel, Context, forEachConcurrent, Group, Semaphore, WaitGroup } from "snowshed";
import { activeMonitor, disable, enable, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { FileHandles, Pool, Quota } from "snowshed/throttle";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import type { Hooks } from "../../src/hooks.ts";
import { hooks, installHooks } from "../../src/hooks.ts";
import { runModule } from "../support/child-process.ts";
import { deferred, drained, microtasks, outcome } from "../support/promises.ts";
import { deafHooks } from "../support/recorded-hooks.ts";

afterEach(disable);

const quiet = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});

/** The warnings of the process from now on to the end of the test. */
function processWarnings(): { readonly code: string | undefined; readonly message: string }[] {
  const seen: { code: string | undefined; message: string }[] = [];
  const listener = (warning: Error & { code?: string }): void => {
    if (warning.name === "SnowshedWarning") seen.push({ code: warning.code, message: warning.message });
  };
  process.on("warning", listener);
  onTestFinished(() => void process.removeListener("warning", listener));
  return seen;
}

const taskNamed = (name: string) => snapshot().tasks.find((task) => task.name === name);
const resourceNamed = (name: string) => snapshot().resources.find((resource) => resource.name === name);
const nameOf = (id: number | null) => snapshot().tasks.find((task) => task.id === id)?.name ?? null;

describe("enable()", () => {
  test("begins to watch, and disable() ends it", () => {
    expect(activeMonitor()).toBe(null);
    const monitor = enable("production");
    expect([activeMonitor(), monitor.preset]).toEqual([monitor, "production"]);
    expect(hooks).not.toBe(null);
    disable();
    expect([activeMonitor(), hooks]).toEqual([null, null]);
    disable();
  });

  test("replaces the monitor that was there; its disposal then ends nothing", () => {
    const first = enable("test");
    const second = enable("development");
    expect(activeMonitor()).toBe(second);
    first[Symbol.dispose]();
    expect(activeMonitor()).toBe(second);
    expect(hooks).not.toBe(null);
    second[Symbol.dispose]();
    expect([activeMonitor(), hooks]).toEqual([null, null]);
  });

  test("does not take out a watcher that came after it, nor tell the monitor what that one is told", () => {
    const monitor = enable("test");
    const inner = hooks!;
    const outer: Hooks = { ...deafHooks, resourceCreated: (...given) => inner.resourceCreated(...given) };
    installHooks(outer);
    disable();
    expect(hooks).toBe(outer);
    new Semaphore(1, { name: "late" });
    expect([...monitor.resources()]).toEqual([]);
    installHooks(null);
  });

  test.each([
    ["a preset", () => enable("fast" as "test")],
    ["a preset that is no text", () => enable(undefined as unknown as "test")],
    ["a preset of the prototype", () => enable("toString" as "test")],
    ["a code", () => enable("test", { silence: ["SS012" as "SS011"] })],
    ["codes", () => enable("test", { silence: "SS001" as unknown as [] })],
    ["a growth of 0", () => enable("test", { growth: 0 })],
    ["a growth of NaN", () => enable("test", { growth: Number.NaN })],
    ["half a growth", () => enable("test", { growth: 1.5 })],
    ["a negative duration", () => enable("test", { longBlocked: -1 })],
    ["no duration", () => enable("test", { slowToCancel: "soon" as unknown as number })],
    ["NaN as a duration", () => enable("test", { eventLoopBlocked: Number.NaN })],
    ["a sweep without end", () => enable("test", { sweepInterval: 0 })],
    ["a sweep that never comes", () => enable("test", { sweepInterval: Number.POSITIVE_INFINITY })],
  ])("refuses %s, and leaves the monitor there is", (_, call) => {
    const monitor = enable("test");
    expect(call).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error);
    expect(activeMonitor()).toBe(monitor);
  });

  test("keeps no process alive, and a process needs no disable()", async () => {
    const { code, stdout } = await runModule(`
      import { Group } from "snowshed";
      import { enable } from "snowshed/diagnostics";
      enable("development");
      const group = new Group();
      group.go(() => console.log("ran"));
      await group.wait();`);
    expect([code, stdout]).toEqual([0, "ran\n"]);
  });
});

describe("a task", () => {
  test("is known while it lives, by its state", async () => {
    const clock = new FakeClock();
    enable("test", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    const context = Context.root({ clock });
    const group = new Group({ name: "work", signal: context, concurrency: 3 });
    const semaphore = new Semaphore(1, { name: "database" });
    const gate = deferred();
    group.go(() => semaphore.run(() => gate.promise), { name: "foreign" });
    group.go(() => semaphore.run(() => {}), { name: "second" });
    group.go((own) => own.sleep("1m"), { name: "nap" });
    group.go(() => {}, { name: "later" });
    const states = () => snapshot().tasks.map(({ name, state }) => [name, state]);
    expect(states()).toEqual([
      ["foreign", "running"],
      ["second", "waiting"],
      ["nap", "sleeping"],
      ["later", "queued"],
    ]);
    await clock.advance("1m");
    expect(states()).toEqual([
      ["foreign", "running"],
      ["second", "waiting"],
    ]);
    group.cancel();
    expect(states()).toEqual([
      ["foreign", "canceling"],
      ["second", "canceling"],
    ]);
    gate.resolve();
    await quiet(group.wait());
    expect(states()).toEqual([]);
    expect(snapshot().totals.tasksEnded).toEqual({ fulfilled: 4, rejected: 0, skipped: 0 });
  });

  test("knows who made it, also after an await, until that one has ended", async () => {
    enable("test");
    const [outer, inner] = [new Group({ name: "outer" }), new Group({ name: "inner" })];
    const [first, second] = [deferred(), deferred()];
    outer.go(
      async () => {
        await drained();
        inner.go(() => second.promise, { name: "child" });
        await first.promise;
      },
      { name: "parent" },
    );
    await drained();
    await drained();
    expect(nameOf(taskNamed("child")!.parent)).toBe("parent");
    expect(taskNamed("parent")!.parent).toBe(null);
    first.resolve();
    await outer.wait();
    expect(taskNamed("child")!.parent).toBe(null);
    second.resolve();
    await inner.wait();
  });

  test("does not keep the records of those that made it, and them", async () => {
    const monitor = enable("test");
    let depth = 0;
    const all = new WaitGroup();
    const spawn = async (): Promise<void> => {
      await microtasks(1);
      if (++depth < 50) all.go(spawn);
    };
    all.go(spawn);
    const seen: number[] = [];
    while (depth < 50) {
      await microtasks(1);
      for (let task = [...monitor.tasks()][0] ?? null, length = 0; task !== null; task = task.parent)
        seen.push(++length);
    }
    expect(Math.max(...seen)).toBeLessThanOrEqual(2);
    await all.wait();
  });

  test("of one monitor means nothing to the next", async () => {
    const gate = deferred();
    const semaphore = new Semaphore(1);
    enable("test");
    const group = new Group();
    group.go(() => semaphore.run(() => gate.promise));
    group.go(() => semaphore.run(() => gate.promise));
    enable("test");
    expect(snapshot().tasks).toEqual([]);
    gate.resolve();
    await group.wait();
    const { totals, resources } = snapshot();
    expect([totals.tasksLive, totals.tasksEnded]).toEqual([0, { fulfilled: 0, rejected: 0, skipped: 0 }]);
    expect(resources.every(({ held, pending }) => held === 0 && pending === 0)).toBe(true);
  });
});

describe("what is held belongs", () => {
  test("to who acquired it, also behind an await", async () => {
    enable("test");
    const semaphore = new Semaphore(3, { name: "database" });
    const gate = deferred();
    const group = new WaitGroup();
    group.go(
      async () => {
        await drained();
        await semaphore.run(() => gate.promise, { weight: 2 });
      },
      { name: "import" },
    );
    await semaphore.acquire();
    await drained();
    await drained();
    const { id } = taskNamed("import")!;
    expect(resourceNamed("database")!.holders).toEqual([
      { task: null, weight: 1 },
      { task: id, weight: 2 },
    ]);
    expect(taskNamed("import")!.held).toEqual([{ resource: resourceNamed("database")!.id, weight: 2 }]);
    gate.resolve();
    await group.wait();
    expect(resourceNamed("database")!.holders).toEqual([{ task: null, weight: 1 }]);
  });

  test("to who waited for it, whoever released it", async () => {
    enable("test");
    const semaphore = new Semaphore(1, { name: "database" });
    await semaphore.acquire();
    const group = new WaitGroup();
    const gate = deferred();
    group.go(() => semaphore.run(() => gate.promise), { name: "waiter" });
    group.go(() => semaphore.release(), { name: "releaser" });
    expect(resourceNamed("database")!.holders).toEqual([{ task: taskNamed("waiter")!.id, weight: 1 }]);
    gate.resolve();
    await group.wait();
    expect(resourceNamed("database")).toMatchObject({ held: 0, holders: [] });
  });

  test("to nobody when it was granted to one that was canceled in the same tick", async () => {
    const monitor = enable("test", { eventLoopBlocked: Number.POSITIVE_INFINITY });
    const semaphore = new Semaphore(2, { name: "database" });
    const gate = deferred();
    const own = Context.background.withCancel();
    const group = new Group({ failFast: false });
    group.go(() => semaphore.run(() => gate.promise), { name: "holder" });
    group.go(() => semaphore.run(() => drained()), { name: "short" });
    group.go(() => quiet(semaphore.acquire(1, { signal: own })), { name: "canceled" });
    semaphore.release();
    own.cancel();
    semaphore.tryAcquire();
    await drained();
    gate.resolve();
    await group.wait();
    expect(monitor.warnings).toEqual([]);
  });

  test("in production to who acquired it before its first await", async () => {
    enable("production");
    const semaphore = new Semaphore(2, { name: "database" });
    const gate = deferred();
    const group = new WaitGroup();
    group.go(() => semaphore.run(() => gate.promise), { name: "at once" });
    group.go(
      async () => {
        await drained();
        await semaphore.run(() => gate.promise);
      },
      { name: "later" },
    );
    await drained();
    await drained();
    expect(resourceNamed("database")!.holders).toEqual([
      { task: null, weight: 1 },
      { task: taskNamed("at once")!.id, weight: 1 },
    ]);
    gate.resolve();
    await group.wait();
    expect(resourceNamed("database")).toMatchObject({ held: 0, holders: [] });
  });

  test("a task that waits for several things shows the newest, and the others when that is over", async () => {
    enable("test");
    const [one, two] = [new Channel<number>(0, { name: "one" }), new Channel<number>(0, { name: "two" })];
    const group = new WaitGroup();
    group.go(() => Promise.all([one.receive(), two.receive()]), { name: "both" });
    const waits = () => taskNamed("both")?.wait?.name;
    expect(waits()).toBe("two");
    await two.send(1);
    expect(waits()).toBe("one");
    await one.send(1);
    await group.wait();
  });
});

describe("watching that begins late", () => {
  test("knows resources by what they do from then on, with what is held of them", async () => {
    const semaphore = new Semaphore(3, { name: "database" });
    const channel = new Channel<number>(2, { name: "jobs" });
    const [group, waitGroup] = [new Group({ name: "group", concurrency: 2 }), new WaitGroup({ name: "wait group" })];
    const quota = new Quota({ limits: [{ requests: 1, per: "1h" }], name: "quota" });
    const handles = new FileHandles({ name: "files" });
    const pool = new Pool({ create: () => ({}), max: 1, name: "pool" });
    await semaphore.acquire(3);
    quota.tryPermit();
    const lease = await pool.permit();
    const gate = deferred();
    group.go(() => gate.promise, { name: "unknown" });
    enable("test");
    expect(snapshot()).toMatchObject({ tasks: [], resources: [] });
    void semaphore.acquire(2);
    void channel.receive();
    group.go(() => gate.promise, { name: "known" });
    waitGroup.go(() => gate.promise);
    const given = new AbortController();
    void quiet(quota.permit(1, { signal: given.signal }));
    const file = handles.tryPermit()!;
    void quiet(pool.permit({ signal: given.signal }));
    const found = snapshot().resources.map(({ kind, name, capacity, held, pending, live }) => {
      return [kind, name, kind === "file-handles" ? "some" : capacity, held, pending, live];
    });
    expect(found).toEqual([
      ["semaphore", "database", 3, 3, 1, 0],
      ["channel", "jobs", 2, 0, 1, 0],
      ["group", "group", 2, 0, 0, 1],
      ["wait-group", "wait group", null, 0, 0, 1],
      ["quota", "quota", null, 0, 1, 0],
      ["file-handles", "files", "some", 1, 0, 0],
      ["pool", "pool", 1, 1, 1, 0],
    ]);
    expect(snapshot().tasks.map(({ name }) => name)).toEqual(["known", ""]);
    given.abort();
    file.release();
    semaphore.release(3);
    channel.trySend(1);
    lease.release();
    gate.resolve();
    await Promise.all([group.wait(), waitGroup.wait(), pool.close()]);
    expect(resourceNamed("database")).toMatchObject({ held: 2, pending: 0 });
  });

  test("agrees with the semaphore on what is held and who waits, whenever it begins", async () => {
    const step = fc.tuple(fc.constantFrom("acquire", "try", "release", "resize", "cancel"), fc.nat(3));
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 25, size: "max" }),
      fc.nat(10),
      fc.constantFrom("production" as const, "test" as const),
      async (steps, begin, preset) => {
        disable();
        const semaphore = new Semaphore(3, { name: "watched" });
        let context = Context.background.withCancel();
        let held = 0;
        const group = new WaitGroup();
        for (const [index, [kind, by]] of steps.entries()) {
          if (index === begin) enable(preset);
          group.go(async () => {
            if (kind === "acquire") {
              const done = await semaphore.acquire(by, { signal: context, allowOversize: true }).then(
                () => true,
                () => false,
              );
              if (done) held += by;
            } else if (kind === "try") {
              if (semaphore.tryAcquire(by)) held += by;
            } else if (kind === "resize") semaphore.resize(by);
            else if (kind === "release") {
              const some = Math.min(by, held);
              held -= some;
              semaphore.release(some);
            } else {
              context.cancel();
              context = Context.background.withCancel();
            }
          });
          await drained();
        }
        if (steps.length > begin) {
          const known = resourceNamed("watched");
          if (known !== undefined) {
            const sum = known.holders.reduce((total, { weight }) => total + weight, 0);
            expect([known.held, sum]).toEqual([held, held]);
            // Those who waited before are not known.
            expect(known.pending).toBeLessThanOrEqual(semaphore.pending);
            if (begin === 0) expect([known.pending, known.capacity]).toEqual([semaphore.pending, semaphore.permits]);
          }
        }
        context.cancel();
        await group.wait();
        semaphore.release(held);
        expect(resourceNamed("watched")?.held ?? 0).toBe(0);
        expect(snapshot().tasks).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });
});

describe("a monitor that fails", () => {
  const program = async (): Promise<unknown[]> => {
    const semaphore = new Semaphore(1, { name: "database" });
    const channel = new Channel<number>(1);
    const group = new Group({ concurrency: 2, failFast: false });
    const clock = new FakeClock();
    const own = Context.root({ clock }).withCancel();
    const tasks = [1, 2, 3].map((n) => group.go(() => semaphore.run(() => drained().then(() => n))));
    const failing = group.go(() => Promise.reject(new Error("its own")));
    group.child().go(() => {});
    const canceled = semaphore.acquire(1, { signal: own }).catch(() => "canceled");
    const nap = own.sleep("1h").catch(() => "woken");
    own.cancel();
    const permit = await semaphore.permit();
    permit.release();
    semaphore.resize(2);
    await channel.send(1);
    const all = new WaitGroup();
    all.go(() => channel.receive());
    await all.wait();
    await all.wait();
    let visits = 0;
    await forEachConcurrent([1, 2], () => void visits++, { concurrency: 1 });
    const error = await group.wait().catch((failure: unknown) => (failure as AggregateError).errors.length);
    const misuse = await outcome(Promise.resolve().then(() => semaphore.release()));
    return [tasks.map((task) => task.value), failing.state, await canceled, await nap, visits, error, misuse.status];
  };
  const right = [[1, 2, 3], "rejected", "canceled", "woken", 2, 1, "rejected"];

  test.each(Object.keys(deafHooks) as (keyof Hooks)[])(
    "in %s() is taken out, and the program goes on",
    async (name) => {
      const warnings = processWarnings();
      const monitor = enable("test", { silence: ["SS007"], eventLoopBlocked: Number.POSITIVE_INFINITY });
      Object.defineProperty(monitor.recorder, name, {
        value() {
          throw new Error(`${name} failed`);
        },
      });
      const late = new Semaphore(1);
      await late.acquire();
      const waiter = Context.background.withCancel();
      const waiting = quiet(late.acquire(1, { signal: waiter }));
      late.release();
      waiter.cancel();
      await waiting;
      await drained();
      expect(await program()).toEqual(right);
      expect([activeMonitor(), hooks]).toEqual([null, null]);
      await drained();
      expect(warnings).toEqual([
        { code: "SNOWSHED_DIAGNOSTICS", message: expect.stringContaining("monitor") as string },
      ]);
    },
  );

  test("does not: the program works, and the monitor stays", async () => {
    const monitor = enable("test");
    expect(await program()).toEqual(right);
    expect(activeMonitor()).toBe(monitor);
  });

  test("after the body of a task has run does not run it again, and what the body throws stays its own", async () => {
    const warnings = processWarnings();
    const monitor = enable("test", { eventLoopBlocked: Number.POSITIVE_INFINITY });
    monitor.recorder.runTask = (_task, body) => {
      body();
      throw new Error("afterwards");
    };
    let runs = 0;
    expect(await new Group().go(() => ++runs)).toBe(1);
    expect(runs).toBe(1);
    expect(activeMonitor()).toBe(null);
    enable("test", { eventLoopBlocked: Number.POSITIVE_INFINITY });
    const failure = new Error("its own");
    const group = new Group();
    group.go(() => {
      throw failure;
    });
    await expect(group.wait()).rejects.toBe(failure);
    expect(activeMonitor()).not.toBe(null);
    await drained();
    expect(warnings).toHaveLength(1);
  });

  test("in a sweep ends, and a listener to sweeps that fails is taken out", async () => {
    const warnings = processWarnings();
    const clock = new FakeClock();
    const monitor = enable("test", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    let sweeps = 0;
    monitor.onSweep(() => {
      sweeps++;
      throw new Error("listener");
    });
    await clock.advance("3s");
    expect([sweeps, activeMonitor()]).toEqual([1, monitor]);
    Object.defineProperty(monitor.recorder, "sweep", {
      value() {
        throw new Error("sweep");
      },
    });
    await clock.advance("3s");
    expect([activeMonitor(), clock.pending]).toEqual([null, 0]);
    await drained();
    expect(warnings).toHaveLength(2);
  });
});

describe("what has ended is forgotten", () => {
  test("groups and maps as soon as nothing lives in them, the others once they are garbage", async () => {
    enable("test");
    const kept = new Semaphore(1, { name: "kept" });
    for (let round = 0; round < 100; round++) {
      const group = new Group();
      group.go(() => kept.run(() => {}));
      await group.wait();
    }
    expect(snapshot().resources.map(({ name }) => name)).toEqual(["kept"]);
    const { code, stdout } = await runModule(`
      import { Semaphore } from "snowshed";
      import { enable, snapshot } from "snowshed/diagnostics";
      const monitor = enable("test");
      const kept = new Semaphore(1);
      for (let n = 0; n < 100; n++) new Semaphore(1);
      // Until then frames of their constructors are kept for the text of their site, and them with it.
      monitor.sweep();
      for (let n = 0; n < 10; n++) {
        gc();
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      console.log(snapshot().resources.length, kept.permits);`);
    expect([code, stdout]).toEqual([0, "1 1\n"]);
  });

  test("the memory of a program under watch does not grow", { timeout: 30_000 }, async () => {
    const { code, stdout, stderr } = await runModule(`
      import { Group, Semaphore } from "snowshed";
      import { enable, disable } from "snowshed/diagnostics";
      const monitor = enable("production", { eventLoopBlocked: Infinity });
      const semaphore = new Semaphore(8);
      const round = async () => {
        const group = new Group();
        for (let n = 0; n < 1000; n++) group.go(() => semaphore.run(async () => { await null; }));
        await group.wait();
      };
      const used = () => { gc(); return process.memoryUsage().heapUsed; };
      for (let n = 0; n < 30; n++) await round();
      monitor.sweep();
      const before = used();
      for (let n = 0; n < 100; n++) await round();
      monitor.sweep();
      console.log(used() - before < 200_000 || used() - before);`);
    expect([code, stdout, stderr]).toEqual([0, "true\n", ""]);
  });
});
