import { Channel, Context, Group, Semaphore, WaitGroup } from "snowshed";
import type { EnableOptions, Monitor, WarningCode } from "snowshed/diagnostics";
import { disable, enable, formatDump, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { FileHandles } from "snowshed/throttle";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { deferred, drained } from "../support/promises.ts";

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});
afterEach(disable);

const noLoop = { eventLoopBlocked: Number.POSITIVE_INFINITY } as const;
const watch = (options: EnableOptions = {}): Monitor => enable("test", { clock, ...noLoop, ...options });
const found = (monitor: Monitor): [WarningCode, string][] =>
  monitor.warnings.map(({ code, message }) => [code, message]);

/** The warnings of the process from now on to the end of the test. */
function processWarnings(): (Error & { code?: string; detail?: string })[] {
  const seen: Error[] = [];
  const listener = (warning: Error): void => {
    if (warning.name === "SnowshedWarning") seen.push(warning);
  };
  process.on("warning", listener);
  onTestFinished(() => void process.removeListener("warning", listener));
  return seen;
}

describe("a warning", () => {
  test("is given to the process, the listeners and the snapshot, once for what it is about, and counted", async () => {
    const seen = processWarnings();
    const monitor = watch();
    const heard: unknown[] = [];
    const stop = monitor.onWarning((warning) => void heard.push(warning));
    monitor.warn("SS009", "too long", { site: "src/a.ts:1:2" });
    await clock.advance("5s");
    monitor.warn("SS009", "too long still", { site: "src/a.ts:1:2" });
    monitor.warn("SS009", "elsewhere", { site: "src/b.ts:1:2" });
    stop();
    monitor.warn("SS010", "of another code", { site: "src/a.ts:1:2" });
    const first = {
      code: "SS009",
      message: "too long",
      site: "src/a.ts:1:2",
      task: null,
      resource: null,
      count: 1,
      first: "1970-01-01T00:00:00.000Z",
      last: "1970-01-01T00:00:00.000Z",
    };
    expect(heard).toEqual([
      first,
      { ...first, message: "elsewhere", site: "src/b.ts:1:2", first: heard5, last: heard5 },
    ]);
    expect(snapshot().warnings).toEqual(monitor.warnings);
    expect(monitor.warnings[0]).toEqual({ ...first, count: 2, last: heard5 });
    expect(monitor.warnings).toHaveLength(3);
    await drained();
    expect(seen.map(({ code, message }) => [code, message])).toEqual([
      ["SS009", "too long (src/a.ts:1:2)"],
      ["SS009", "elsewhere (src/b.ts:1:2)"],
      ["SS010", "of another code (src/a.ts:1:2)"],
    ]);
    expect(seen[0]!.detail).toMatch(/docs\/warnings\/SS009\.md$/);
  });
  const heard5 = "1970-01-01T00:00:05.000Z";

  test("of a code that is silenced is not given out", async () => {
    const seen = processWarnings();
    const monitor = watch({ silence: ["SS009"] });
    monitor.warn("SS009", "too long");
    monitor.warn("SS008", "late");
    await drained();
    expect([found(monitor), seen.length]).toEqual([[["SS008", "late"]], 1]);
  });

  test("is not changed by who reads it, and a listener that fails is taken out", async () => {
    const seen = processWarnings();
    const monitor = watch();
    let heard = 0;
    monitor.onWarning((warning) => {
      (warning as { message: string }).message = "changed";
      heard++;
      throw new Error("listener");
    });
    monitor.warn("SS009", "too long");
    monitor.warn("SS008", "late");
    (monitor.warnings[0] as { message: string }).message = "changed";
    expect([found(monitor), heard]).toEqual([
      [
        ["SS009", "too long"],
        ["SS008", "late"],
      ],
      1,
    ]);
    await drained();
    expect(seen.map(({ code }) => code)).toEqual(["SS009", "SNOWSHED_DIAGNOSTICS", "SS008"]);
  });

  test("is one of two hundred of its code at most", () => {
    process.removeAllListeners("warning");
    const monitor = watch();
    for (let n = 0; n < 1200; n++) monitor.warn("SS009", "too long", { site: `${n}` });
    monitor.warn("SS008", "late");
    expect(monitor.warnings).toHaveLength(201);
  });
});

/** Of a program that is given `gc()`, `monitor` and the names of the library. */
async function codesOf(preset: string, code: string): Promise<string[]> {
  const { stdout, stderr } = await runModule(`
    import { Context, Group, Semaphore, WaitGroup } from "snowshed";
    import { disable, enable } from "snowshed/diagnostics";
    const monitor = enable("${preset}", { eventLoopBlocked: Infinity });
    const settle = async () => {
      for (let n = 0; n < 10; n++) {
        monitor.sweep();
        await new Promise((resolve) => setTimeout(resolve, 1));
        gc();
      }
    };
    ${code}
    await settle();
    console.log(JSON.stringify(monitor.warnings.map(({ code, message }) => code + " " + message)));`);
  try {
    return JSON.parse(stdout) as string[];
  } catch {
    throw new Error(stderr);
  }
}

describe("SS005: a permit that is dropped", () => {
  test.each(["production", "development"])("is found when it is collected (%s)", async (preset) => {
    const code = `
      const database = new Semaphore(2, { name: "database" });
      const forget = async () => void (await database.permit(2));
      await forget();
      globalThis.keep = database;`;
    expect(await codesOf(preset, code)).toEqual([
      'SS005 a permit for 2 of the semaphore "database" was dropped without release: they are lost',
    ]);
  });

  test("is not what is released, is held, or goes with its semaphore", async () => {
    const code = `
      const database = new Semaphore(2, { name: "database" });
      (await database.permit()).release();
      globalThis.keep = [database, await database.permit()];
      await (async () => void (await new Semaphore(1).permit()))();`;
    expect(await codesOf("development", code)).toEqual([]);
  });
});

describe("SS006: a task that ends holding", () => {
  test("is found as it ends, with what it holds", async () => {
    const monitor = watch();
    const database = new Semaphore(5, { name: "database" });
    const group = new WaitGroup();
    group.go(
      async () => {
        await database.acquire(2);
        await drained();
        await database.acquire(1);
      },
      { name: "import" },
    );
    await group.wait();
    expect(found(monitor)).toEqual([
      ["SS006", 'the task "import" has ended and still holds 3 of the semaphore "database"'],
    ]);
    expect(monitor.warnings[0]!.site).toMatch(/warnings\.test\.ts:\d+:\d+$/);
    expect(snapshot().resources[0]!.holders).toEqual([{ task: null, weight: 3 }]);
  });

  test("is not one that gave back, by run(), a permit, or what it started", async () => {
    const monitor = watch();
    const [database, files] = [new Semaphore(2), new FileHandles()];
    const group = new WaitGroup();
    group.go(() => database.run(() => drained()));
    group.go(() => files.run(() => drained()));
    group.go(async () => {
      const permit = await database.permit();
      await drained().then(() => permit.release());
    });
    await group.wait();
    expect(found(monitor)).toEqual([]);
  });

  test("is not looked for in production, where who releases is only guessed", async () => {
    const monitor = enable("production", { clock, ...noLoop });
    const database = new Semaphore(2);
    const group = new WaitGroup();
    group.go(() => database.acquire());
    await group.wait();
    expect(found(monitor)).toEqual([]);
  });
});

describe("SS007: a group that nobody waits for", () => {
  test.each(["production", "development"])("is found when it is collected (%s)", async (preset) => {
    const code = `
      (() => {
        new Group({ name: "requests" }).go(() => {});
        new WaitGroup({ name: "jobs" }).go(() => Promise.resolve());
      })();
      await null;`;
    expect((await codesOf(preset, code)).toSorted()).toEqual([
      'SS007 the tasks of the group "requests" have ended, and nobody waited for it',
      'SS007 the tasks of the wait-group "jobs" have ended, and nobody waited for it',
    ]);
  });

  test("is not one that is waited for before or after, disposed of, a child, still held, or without tasks", async () => {
    const code = `
      await (async () => {
        const [before, after, disposed, parent, held] = Array.from({ length: 5 }, () => new Group());
        const idle = new WaitGroup();
        for (const group of [before, after, disposed, held, idle, parent.child()]) group.go(() => {});
        const waited = before.wait();
        await new Promise((resolve) => setTimeout(resolve, 1));
        await Promise.all([waited, after.wait(), disposed[Symbol.asyncDispose](), parent.wait(), idle.wait()]);
        globalThis.keep = held;
        new Group();
      })();`;
    expect(await codesOf("development", code)).toEqual([]);
  });
});

describe("SS008: a task that is slow to cancel", () => {
  test("is found once it has gone on for so long after its group was canceled", async () => {
    const monitor = watch({ slowToCancel: "10s" });
    const gate = deferred();
    const group = new Group();
    group.go(() => gate.promise, { name: "deaf" });
    group.go((context) => context.sleep("1h"), { name: "obedient" });
    await clock.advance("1m");
    group.cancel();
    await clock.advance("10s");
    expect(found(monitor)).toEqual([]);
    expect(snapshot().tasks.map(({ name, state }) => [name, state])).toEqual([["deaf", "canceling"]]);
    await clock.advance("2s");
    expect(found(monitor)).toEqual([["SS008", 'the task "deaf" still runs 10 s after it was canceled']]);
    gate.resolve();
    await group.wait().catch(() => {});
  });

  test("is none whose group goes on, and none of a wait group", async () => {
    const monitor = watch();
    const gate = deferred();
    const [group, waitGroup] = [new Group(), new WaitGroup()];
    group.go(() => gate.promise);
    waitGroup.go(() => gate.promise);
    await clock.advance("1h");
    expect(found(monitor)).toEqual([]);
    gate.resolve();
    await Promise.all([group.wait(), waitGroup.wait()]);
  });
});

describe("SS009: long blocked", () => {
  test("names the resource, who waits, and how many more", async () => {
    const monitor = watch({ longBlocked: "20s" });
    const database = new Semaphore(1, { name: "database" });
    await database.acquire();
    const group = new WaitGroup();
    group.go(() => database.run(() => {}), { name: "query" });
    group.go(() => database.run(() => {}), { name: "other" });
    await clock.advance("19s");
    expect(found(monitor)).toEqual([]);
    await clock.advance("10s");
    expect(found(monitor)).toEqual([
      ["SS009", 'the task "query" waits for the semaphore "database" for 20 s, with 1 more'],
    ]);
    expect(formatDump(snapshot())).toContain('SS009 the task "query" waits for the semaphore "database"');
    database.release();
    await group.wait();
  });

  test("is nobody who waits for work, for a group, or who was served in between", async () => {
    const monitor = watch();
    const [jobs, database, group] = [new Channel<number>(), new Semaphore(1), new WaitGroup()];
    const gate = deferred();
    group.go(() => gate.promise);
    const waiting = [jobs.receive(), group.wait()];
    for (let n = 0; n < 10; n++) {
      await database.acquire();
      const next = database.acquire();
      await clock.advance("20s");
      database.release();
      await next;
      database.release();
    }
    expect(found(monitor)).toEqual([]);
    gate.resolve();
    jobs.close();
    await Promise.all(waiting);
  });

  test("is switched off by Infinity", async () => {
    const monitor = watch({ longBlocked: Number.POSITIVE_INFINITY, slowToCancel: Number.POSITIVE_INFINITY });
    const database = new Semaphore(0);
    const own = Context.background.withCancel();
    const waiting = database.acquire(1, { allowOversize: true, signal: own }).catch(() => {});
    await clock.advance("1h");
    expect(found(monitor)).toEqual([]);
    own.cancel();
    await waiting;
  });
});

describe("SS010: the event loop is blocked", () => {
  const block = (ms: number): void => {
    for (const end = performance.now() + ms; performance.now() < end;);
  };
  /** The delay is measured by the event loop itself, every 20 ms. */
  const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

  test("by a task that is known", () => {
    const monitor = enable("test", { clock, eventLoopBlocked: 50 });
    clock.now = () => performance.now();
    new WaitGroup().go(() => block(60), { name: "hash" });
    monitor.sweep();
    expect(found(monitor)).toEqual([["SS010", expect.stringMatching(/blocked for \d+ ms, by the task "hash"/)]]);
  });

  test("by somebody", async () => {
    const monitor = enable("production", { clock, eventLoopBlocked: 200 });
    await turns();
    block(300);
    await turns();
    monitor.sweep();
    expect(monitor.warnings).toMatchObject([{ code: "SS010", task: null }]);
    expect(found(monitor)[0]![1]).toMatch(/^the event loop was blocked for \d{3,} ms: nothing else could run$/);
  });
});

describe("SS011: unbounded growth", () => {
  /** Live tasks by the second, and what is found in the end. */
  async function grow(live: (second: number) => number, options: EnableOptions = {}): Promise<[WarningCode, string][]> {
    const monitor = watch({ growth: 100, slowToCancel: Number.POSITIVE_INFINITY, ...options });
    const group = new WaitGroup({ name: "requests" });
    const gates: ReturnType<typeof deferred<void>>[] = [];
    for (let second = 0; second < 90; second++) {
      const wanted = live(second);
      while (gates.length > wanted) gates.pop()!.resolve();
      while (gates.length < wanted) {
        const gate = deferred();
        gates.push(gate);
        group.go(() => gate.promise);
      }
      await clock.advance("1s");
    }
    for (const gate of gates) gate.resolve();
    await group.wait();
    return found(monitor);
  }

  test("is found when live tasks rise and never fall back, with the group they are in", async () => {
    const [warning, ...others] = await grow((second) => 10 * second + (second % 7));
    expect(warning).toEqual([
      "SS011",
      expect.stringMatching(/^live tasks rose from \d+ to \d+ and never fell: \d+ are in the wait-group "requests"$/),
    ]);
    expect(others).toEqual([]);
  });

  test("is not what comes and goes, has grown once, or grows by little", async () => {
    expect(await grow((second) => 300 + 290 * Math.sin(second / 5))).toEqual([]);
    expect(await grow((second) => (second < 5 ? 10 : 500))).toEqual([]);
    expect(await grow((second) => 10 + second)).toEqual([]);
    expect(await grow((second) => 10 * second, { growth: Number.POSITIVE_INFINITY })).toEqual([]);
  });
});
