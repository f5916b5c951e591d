import { Context, Group, Semaphore, WaitGroup } from "snowshed";
import { disable, enable, snapshot } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { afterEach, describe, expect, test } from "vitest";
import { deferred, drained } from "../support/promises.ts";

afterEach(disable);

const noLoop = { eventLoopBlocked: Number.POSITIVE_INFINITY } as const;

describe("snapshot()", () => {
  test("is all that is known at one moment, as plain data", async () => {
    const clock = new FakeClock({ start: Date.parse("2026-01-02T03:04:05.000Z") });
    enable("development", { clock, ...noLoop });
    await clock.advance(250);
    const root = Context.root({ clock });
    const database = new Semaphore(3, { name: "database" });
    const group = new Group({ name: "requests", concurrency: 10 });
    const gate = deferred();
    const hold = () => gate.promise;
    group.go(() => database.run(hold, { weight: 2 }), { name: "import" });
    await clock.advance(500);
    group.go(() => database.run(hold, { weight: 3, signal: root, timeout: "1m" }), { name: "query" });
    await clock.advance("1s");
    const taken = snapshot();
    const site = expect.stringMatching(/snapshot\.test\.ts:\d+:\d+$/) as string;
    expect(taken).toEqual({
      schema: "snowshed.dump/1",
      pid: process.pid,
      node: process.version,
      program: process.argv[1],
      time: "2026-01-02T03:04:06.750Z",
      since: "2026-01-02T03:04:05.000Z",
      preset: "development",
      truncated: false,
      totals: {
        tasksLive: 2,
        tasksStarted: 2,
        tasksEnded: { fulfilled: 0, rejected: 0, skipped: 0 },
        leaked: 0,
        deadlocks: 0,
      },
      tasks: [
        {
          id: 1,
          name: "import",
          scope: 2,
          parent: null,
          state: "running",
          wait: null,
          held: [{ resource: 1, weight: 2 }],
          age: 1500,
          site,
        },
        {
          id: 2,
          name: "query",
          scope: 2,
          parent: null,
          state: "waiting",
          wait: {
            resource: 1,
            kind: "semaphore",
            name: "database",
            weight: 3,
            age: 1000,
            deadline: 59_000,
            heldBy: [1],
          },
          held: [],
          age: 1000,
          site,
        },
      ],
      resources: [
        {
          id: 1,
          kind: "semaphore",
          name: "database",
          capacity: 3,
          held: 2,
          pending: 1,
          holders: [{ task: 1, weight: 2 }],
          live: 0,
        },
        { id: 2, kind: "group", name: "requests", capacity: 10, held: 0, pending: 0, holders: [], live: 2 },
      ],
      warnings: [],
      deadlocks: [],
    });
    expect(JSON.parse(JSON.stringify(taken))).toEqual(taken);
    gate.resolve();
    await group.wait();
  });

  test("counts who has ended, and how", async () => {
    enable("production");
    const group = new Group({ failFast: false, concurrency: 1 });
    group.go(() => 1);
    group.go(() => Promise.reject(new Error("failed")));
    group.go(() => new Promise((resolve) => setImmediate(resolve)));
    const gate = deferred();
    group.go(async () => {
      group.cancel();
      await gate.promise;
    });
    group.go(() => 2);
    await drained();
    await drained();
    await drained();
    gate.resolve();
    await group.wait().catch(() => {});
    expect(snapshot().totals).toMatchObject({
      tasksLive: 0,
      tasksStarted: 5,
      tasksEnded: { fulfilled: 3, rejected: 1, skipped: 1 },
    });
  });

  test("lists the oldest up to a limit, and says that there are more", async () => {
    enable("production");
    const group = new WaitGroup({ name: "many" });
    const gate = deferred();
    for (let n = 0; n < 5; n++) group.go(() => gate.promise, { name: `task ${n}` });
    const semaphores = [1, 2].map(() => new Semaphore(1));
    const names = (limit?: number) => {
      const { tasks, resources, truncated, totals } = snapshot({ limit });
      return [tasks.map(({ name }) => name.slice(-1)).join(""), resources.length, truncated, totals.tasksLive];
    };
    expect(names(0)).toEqual(["", 0, true, 5]);
    expect(names(2)).toEqual(["01", 2, true, 5]);
    expect(names(3)).toEqual(["012", 3, true, 5]);
    expect(names(5)).toEqual(["01234", 3, false, 5]);
    expect(names()).toEqual(["01234", 3, false, 5]);
    expect(names(Number.POSITIVE_INFINITY)).toEqual(["01234", 3, false, 5]);
    expect(semaphores).toHaveLength(2);
    gate.resolve();
    await group.wait();
  });

  test("lists those that are stuck before the oldest, with what they wait for and hold", async () => {
    const clock = new FakeClock();
    enable("test", { clock, ...noLoop });
    const gate = deferred();
    const idle = new WaitGroup({ name: "idle" });
    for (let n = 0; n < 10; n++) idle.go(() => gate.promise, { name: `idle ${n}` });
    const others = Array.from({ length: 5 }, (_, n) => new Semaphore(1, { name: `other ${n}` }));
    const pair = new WaitGroup({ name: "pair" });
    const [left, right] = [new Semaphore(1, { name: "left" }), new Semaphore(1, { name: "right" })];
    for (const [name, first, second] of [
      ["left then right", left, right],
      ["right then left", right, left],
    ] as const) {
      pair.go(() => first.run(() => drained().then(() => second.acquire())), { name });
    }
    for (let n = 10; n < 20; n++) idle.go(() => gate.promise, { name: `idle ${n}` });
    await drained();
    await clock.advance("2s");
    const names = (limit: number) => {
      const { tasks, resources, deadlocks, truncated } = snapshot({ limit });
      expect([deadlocks.length, truncated]).toEqual([1, true]);
      return [tasks.map(({ name }) => name), resources.map(({ name }) => name)];
    };
    expect(names(3)).toEqual([
      ["idle 0", "left then right", "right then left"],
      ["left", "right", "pair"],
    ]);
    expect(names(1)[0]).toEqual([expect.stringMatching(/then/)]);
    expect(names(0)).toEqual([[], []]);
    expect(others).toHaveLength(5);
    left.release();
    right.release();
    gate.resolve();
    await Promise.all([idle.wait(), pair.wait()]);
  });

  test("names at most 16 holders in a wait, those who have held longest", async () => {
    enable("test");
    const semaphore = new Semaphore(20, { name: "many" });
    const group = new WaitGroup();
    const gate = deferred();
    for (let n = 0; n < 21; n++) group.go(() => semaphore.run(() => gate.promise));
    const { tasks, resources } = snapshot();
    expect(tasks[20]!.wait!.heldBy).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(resources.find(({ name }) => name === "many")!.holders).toHaveLength(20);
    gate.resolve();
    await group.wait();
  });

  test("shows the capacity that a resource has now", () => {
    enable("test");
    const semaphore = new Semaphore(2);
    semaphore.resize(7);
    expect(snapshot().resources[0]!.capacity).toBe(7);
  });

  test("is empty without a monitor", () => {
    expect(snapshot()).toMatchObject({ preset: "none", truncated: false, tasks: [], resources: [], warnings: [] });
    expect(snapshot().totals.tasksLive).toBe(0);
  });

  test.each([-1, 1.5, Number.NaN, "10", null])("refuses %s as a limit", (limit) => {
    const call = () => snapshot({ limit: limit as number });
    expect(call).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error);
  });

  test("keeps names as they are, whatever they contain", () => {
    enable("test");
    const name = '"\n\u0000‮🧨';
    new WaitGroup().go(() => new Promise(() => {}), { name });
    expect((JSON.parse(JSON.stringify(snapshot())) as ReturnType<typeof snapshot>).tasks[0]!.name).toBe(name);
  });
});

describe("where a task was made", () => {
  const sites = () => snapshot().tasks.map(({ site }) => site?.replace(/:\d+:\d+$/, "") ?? null);

  test("is the first line outside of this library, however it was started", async () => {
    enable("development");
    const gate = deferred();
    const group = new Group({ concurrency: 3 });
    const nested = (): void => void group.go(() => gate.promise);
    nested();
    group.tryGo(() => gate.promise);
    group.child().go(() => gate.promise);
    new WaitGroup().go(() => gate.promise);
    group.go(() => gate.promise);
    await drained();
    expect(sites()).toEqual(Array.from({ length: 5 }, () => "packages/snowshed/test/diagnostics/snapshot.test.ts"));
    gate.resolve();
    await group.wait();
  });

  test("is noted for one task in sixteen in production, and for no more than 100 between two sweeps", async () => {
    const clock = new FakeClock();
    enable("production", { clock, ...noLoop });
    const group = new WaitGroup();
    const gate = deferred();
    for (let n = 0; n < 32; n++) group.go(() => gate.promise);
    expect(sites().flatMap((site, index) => (site === null ? [] : [index]))).toEqual([0, 16]);
    for (let n = 0; n < 16 * 120; n++) group.go(() => gate.promise);
    expect(sites().filter((site) => site !== null)).toHaveLength(100);
    await clock.advance("1s");
    group.go(() => gate.promise);
    expect(sites().filter((site) => site !== null)).toHaveLength(101);
    gate.resolve();
    await group.wait();
  });
});
