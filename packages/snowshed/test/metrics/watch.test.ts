import { afterEach, describe, expect, test } from "vitest";
import { fixed, forEachConcurrent, Group, Limiter, Pipeline, ReentrantSemaphore, Semaphore, WaitGroup } from "snowshed";
import { disable, enable } from "snowshed/diagnostics";
import type { Monitor } from "snowshed/diagnostics";
import { Metrics } from "snowshed/prometheus";
import { FakeClock } from "snowshed/testing";
import { hooks } from "../../src/hooks.ts";
import { collected } from "../support/garbage.ts";
import { valuesOf } from "../support/metric-values.ts";

const production = (): Monitor => enable("production", { eventLoopBlocked: Number.POSITIVE_INFINITY });

afterEach(disable);

/** A task that runs until it is told to end. */
function held(): { readonly body: () => Promise<void>; readonly end: () => void } {
  let end = (): void => {};
  const until = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { body: () => until, end };
}

describe("tasks", () => {
  test("are counted by the name of their group: live, started, and how they ended", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const task = held();
    const group = new Group({ name: "crawl", concurrency: 2, failFast: false });
    for (let each = 0; each < 2; each++) group.go(task.body, { name: `secret-task-${each}` });
    group.go(() => Promise.reject(new Error("it failed")));
    expect(valuesOf(metrics)).toMatchObject({ "tasks.live crawl": 3, "tasks.started crawl": 2 });
    task.end();
    await group.wait().catch(() => {});
    expect(valuesOf(metrics)).toMatchObject({
      "tasks.live crawl": 0,
      "tasks.started crawl": 3,
      "tasks.ended crawl fulfilled": 2,
      "tasks.ended crawl rejected": 1,
      "tasks.ended crawl skipped": 0,
    });
  });

  test("of groups of one name are one, and so are those of all that have none", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    for (let each = 0; each < 3; each++) {
      await using group = new Group({ name: "request" });
      group.go(() => 1);
      await group.wait();
    }
    const waitGroup = new WaitGroup();
    waitGroup.go(() => {});
    await waitGroup.wait();
    await forEachConcurrent([1, 2], () => {}, { concurrency: 2 });
    expect(valuesOf(metrics)).toMatchObject({ "tasks.started request": 3, "tasks.started unnamed": 3 });
  });

  test("that were skipped never started", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const group = new Group({ name: "crawl", concurrency: 1 });
    group.go(() => Promise.reject(new Error("it failed")));
    group.go(() => 1);
    await group.wait().catch(() => {});
    expect(valuesOf(metrics)).toMatchObject({
      "tasks.live crawl": 0,
      "tasks.started crawl": 1,
      "tasks.ended crawl rejected": 1,
      "tasks.ended crawl skipped": 1,
    });
  });

  test("are never labels, but groups are, at most so many", async () => {
    const metrics = new Metrics({ maxNames: 5 });
    metrics.watch(production());
    for (let each = 0; each < 50; each++) {
      const group = new Group({ name: `group-${each}` });
      const semaphore = new Semaphore(1, { name: `semaphore-${each}` });
      await semaphore.acquire();
      group.go(() => semaphore.run(() => {}), { name: `task-of-${each}` });
      group.go(() => semaphore.release(), { name: `task-of-${each}` });
      await group.wait();
    }
    const text = JSON.stringify(metrics.collect());
    expect(text).not.toContain("task-of-");
    expect(text).toContain("group-0");
    expect(text).toContain("semaphore-0");
    expect(valuesOf(metrics)["tasks.started other"]).toBe(90);
    for (const { metric, samples } of metrics.collect()) {
      for (const label of ["group", "name"] as const) {
        const names = new Set(samples.map(({ labels }) => labels[label]));
        expect([metric.name, names.size <= 6]).toEqual([metric.name, true]);
      }
    }
  });

  test("that run already when the watching begins are live, those before the monitor are not known", async () => {
    const [before, after] = [held(), held()];
    const group = new Group({ name: "crawl" });
    group.go(before.body);
    const monitor = production();
    group.go(after.body);
    const metrics = new Metrics();
    metrics.watch(monitor);
    expect(valuesOf(metrics)).toMatchObject({ "tasks.live crawl": 1, "tasks.started crawl": 0 });
    before.end();
    after.end();
    await group.wait();
    expect(valuesOf(metrics)).toMatchObject({ "tasks.live crawl": 0, "tasks.ended crawl fulfilled": 1 });
  });

  test("of an earlier monitor end uncounted", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const task = held();
    const group = new Group({ name: "crawl" });
    group.go(task.body);
    expect(valuesOf(metrics)["tasks.live crawl"]).toBe(1);
    metrics.watch(production());
    expect(valuesOf(metrics)["tasks.live crawl"]).toBe(0);
    task.end();
    await group.wait();
    expect(valuesOf(metrics)).toMatchObject({ "tasks.live crawl": 0, "tasks.ended crawl fulfilled": 0 });
    group[Symbol.asyncDispose]().catch(() => {});
  });
});

describe("waits", () => {
  test("are counted by how long they took and how they ended", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const semaphore = new Semaphore(1, { name: "database" });
    await semaphore.acquire();
    await semaphore.acquire(1, { timeout: "7ms" }).catch(() => {});
    const waiting = semaphore.acquire();
    semaphore.release();
    await waiting;
    expect(valuesOf(metrics)).toMatchObject({
      "wait semaphore database given_up": 1,
      "wait semaphore database granted": 1,
    });
    const { samples } = metrics.collect().find(({ metric }) => metric.name === "snowshed.wait")!;
    const givenUp = samples.find(({ labels }) => labels.outcome === "given_up")!;
    expect(givenUp.value).toBeGreaterThanOrEqual(0.006);
    expect(givenUp.histogram?.counts[0]).toBe(0);
  });

  test("are told to all who listen, also behind one that throws, which is counted", async () => {
    const monitor = enable("test");
    const metrics = new Metrics();
    metrics.watch(monitor);
    const told: string[] = [];
    metrics.onWait(() => {
      throw new Error("a meter that fails");
    });
    metrics.onWait((_seconds, { outcome }) => void told.push(outcome!));
    const semaphore = new Semaphore(1, { name: "database" });
    await semaphore.acquire();
    const waiting = semaphore.acquire();
    semaphore.release();
    await waiting;
    semaphore.release();
    expect(told).toEqual(["granted"]);
    const errors = metrics.collect().find(({ metric }) => metric.name === "snowshed.metrics.errors");
    expect(errors?.samples[0]?.value).toBe(1);
  });

  test("for a resource that was made before are counted, too", async () => {
    const semaphore = new Semaphore(1, { name: "old" });
    await semaphore.acquire();
    const metrics = new Metrics();
    metrics.watch(production());
    const waiting = semaphore.acquire();
    expect(valuesOf(metrics)).toMatchObject({
      "resource.pending semaphore old": 1,
      "resource.capacity semaphore old": 1,
    });
    semaphore.release();
    await waiting;
    expect(valuesOf(metrics)).toMatchObject({ "wait semaphore old granted": 1 });
  });
});

describe("resources", () => {
  test("are shown when they are made, as they are now", () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const semaphore = new Semaphore(3, { name: "database" });
    semaphore.tryAcquire(2);
    semaphore.resize(7);
    expect(valuesOf(metrics)).toMatchObject({
      "resource.capacity semaphore database": 7,
      "resource.held semaphore database": 2,
    });
    expect(metrics.remove(semaphore)).toBe(true);
    expect(valuesOf(metrics)["resource.capacity semaphore database"]).toBeUndefined();
  });

  test("that are added besides are counted once, by the name they are added with", () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const limiter = new Limiter({ algorithm: fixed(2), name: "found" });
    const reentrant = new ReentrantSemaphore(3, { name: "inner" });
    const pipeline = new Pipeline({ limiter: { algorithm: fixed(5) } });
    limiter.tryAcquire();
    metrics.add(limiter, { name: "added" });
    metrics.add(reentrant);
    metrics.add(pipeline, { name: "api" });
    const values = valuesOf(metrics);
    expect(values).toMatchObject({
      "limiter.admitted added": 1,
      "limiter.limit added": 2,
      "limiter.limit api": 5,
      "resource.capacity semaphore inner": 3,
    });
    expect(Object.keys(values).join()).not.toMatch(/found|unnamed/);
    expect(metrics.remove(reentrant)).toBe(true);
    expect(valuesOf(metrics)["resource.capacity semaphore inner"]).toBeUndefined();
    expect([limiter.limit, pipeline.limiter?.limit]).toEqual([2, 5]);
  });

  test("that were read already do not count twice when they are added", () => {
    const metrics = new Metrics();
    metrics.watch(production());
    const limiter = new Limiter({ algorithm: fixed(5), name: "found" });
    limiter.tryAcquire();
    expect(valuesOf(metrics)["limiter.admitted found"]).toBe(1);
    metrics.add(limiter, { name: "added" });
    limiter.tryAcquire();
    expect(valuesOf(metrics)).toMatchObject({ "limiter.admitted found": 1, "limiter.admitted added": 1 });
  });

  test("go before those that are only found, where there are too many names", () => {
    const metrics = new Metrics({ maxNames: 1 });
    metrics.watch(production());
    const found = new Limiter({ algorithm: fixed(1), name: "found" });
    const added = new Limiter({ algorithm: fixed(2), name: "added" });
    metrics.add(added);
    expect(valuesOf(metrics)).toMatchObject({ "limiter.limit added": 2, "limiter.limit other": 1 });
    expect(found.limit).toBe(1);
  });

  test("are not kept alive", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    expect(await collected(() => new WeakRef(new Semaphore(1, { name: "short" })))).toBe(true);
    expect(valuesOf(metrics)["resource.capacity semaphore short"]).toBeUndefined();
  });
});

describe("what the monitor finds", () => {
  test("deadlocks, as long as they last", async () => {
    const clock = new FakeClock();
    const metrics = new Metrics();
    metrics.watch(enable("test", { clock, silence: ["SS002", "SS003", "SS006"] }));
    const [left, right] = [new Semaphore(1, { name: "left" }), new Semaphore(1, { name: "right" })];
    const group = new Group({ failFast: false });
    for (const [first, second] of [
      [left, right],
      [right, left],
    ] as const) {
      group.go(async () => {
        await first.acquire();
        await Promise.resolve();
        await second.acquire();
        second.release();
      });
    }
    await clock.advance("500ms");
    expect(valuesOf(metrics)["deadlocks"]).toBe(0);
    await clock.advance("600ms");
    expect(valuesOf(metrics)["deadlocks"]).toBe(1);
    left.release();
    await clock.advance(1);
    expect(valuesOf(metrics)["deadlocks"]).toBe(0);
    right.release();
    await group.wait();
  });

  test("leaked tasks, which stay counted when the monitor has ended", () => {
    const metrics = new Metrics();
    const monitor = production();
    metrics.watch(monitor);
    expect(valuesOf(metrics)["leaked_tasks"]).toBe(0);
    const task = held();
    const group = new Group({ name: "crawl" });
    group.go(task.body);
    for (const record of monitor.tasks()) monitor.markLeaked(record);
    expect(valuesOf(metrics)["leaked_tasks"]).toBe(1);
    expect(valuesOf(metrics)["leaked_tasks"]).toBe(1);
    disable();
    metrics.watch(production());
    expect(valuesOf(metrics)["leaked_tasks"]).toBe(1);
    task.end();
  });
});

describe("watching", () => {
  const run = async (): Promise<void> => {
    await using group = new Group({ name: "crawl" });
    group.go(() => 1);
    await group.wait();
  };
  const started = (metrics: Metrics): number | undefined => valuesOf(metrics)["tasks.started crawl"];

  test("ends when it is told to, and leaves the monitor as it was", async () => {
    const metrics = new Metrics();
    const monitor = production();
    const before = hooks;
    const stop = metrics.watch(monitor);
    expect(metrics.watch(monitor)).toBe(stop);
    await run();
    stop();
    stop();
    expect(hooks).toBe(before);
    await run();
    expect(started(metrics)).toBe(1);
    metrics.watch(monitor);
    await run();
    expect(started(metrics)).toBe(2);
    expect(monitor.totals.tasksStarted).toBe(3);
  });

  test("ends with the monitor, and leaves no hooks behind", async () => {
    const metrics = new Metrics();
    metrics.watch(production());
    await run();
    disable();
    expect(hooks).toBeNull();
    await run();
    expect(started(metrics)).toBe(1);
    expect(valuesOf(metrics)["deadlocks"]).toBeUndefined();
  });

  test.each([
    ["the first", 0],
    ["the second", 1],
  ])("of two, %s may end first", async (_, first) => {
    const both = [new Metrics(), new Metrics()] as const;
    const monitor = production();
    const stops = both.map((metrics) => metrics.watch(monitor));
    await run();
    stops[first]!();
    await run();
    expect(both.map(started)).toEqual(first === 0 ? [1, 2] : [2, 1]);
    stops[1 - first]!();
    await run();
    expect(both.map(started).toSorted()).toEqual([1, 2]);
    disable();
    expect(hooks).toBeNull();
  });

  test("of two ends for both with the monitor", async () => {
    const both = [new Metrics(), new Metrics()] as const;
    const monitor = production();
    for (const metrics of both) metrics.watch(monitor);
    monitor[Symbol.dispose]();
    expect(hooks).toBeNull();
    await run();
    expect(both.map(started)).toEqual([undefined, undefined]);
  });

  test("needs a monitor that is enabled", () => {
    const metrics = new Metrics();
    const ended = production();
    disable();
    for (const monitor of [ended, undefined, null, {}, { tasks: () => [] }, "production"]) {
      expect(() => metrics.watch(monitor as Monitor)).toThrow(
        expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
      );
      expect(hooks).toBeNull();
    }
  });
});
