import type { Context } from "snowshed";
import { forEachConcurrent } from "snowshed";
import { describe, expect, test } from "vitest";
import type { Hooks } from "../../src/hooks.ts";
import { installHooks } from "../../src/hooks.ts";
import { drained, observe } from "../support/promises.ts";
import { deafHooks } from "../support/recorded-hooks.ts";
import { numbers, sourceKinds } from "../support/sources.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe.each(sourceKinds)("forEachConcurrent over a source that is %s", (kind) => {
  test("runs the task for every item and resolves with nothing once all have ended", async () => {
    const log: string[] = [];
    const task = async (item: number, context: Context): Promise<string> => {
      await context.sleep(10 - item);
      log.push(String(item));
      return "a result that nobody asked for";
    };
    const ended = observe(forEachConcurrent(numbers(kind, 4).iterable, task, { concurrency: 2, signal: root }));
    await clock.advance(18);
    // 1 ends at 9; 0 at 10; 2 at 17; 3 at 17.
    expect(log).toEqual(["1", "0", "2", "3"]);
    expect(ended.outcome).toEqual({ status: "fulfilled", value: undefined });
  });

  test("resolves for an empty source", async () => {
    await expect(forEachConcurrent(numbers(kind, 0).iterable, () => {}, { concurrency: 3 })).resolves.toBeUndefined();
  });

  test("waits for the slowest, not for the last", async () => {
    const task = (item: number): Promise<void> => root.sleep(item === 0 ? 100 : 1);
    const ended = observe(forEachConcurrent(numbers(kind, 5).iterable, task, { concurrency: 5, signal: root }));
    await clock.advance(99);
    expect(ended.outcome.status).toBe("pending");
    await clock.advance(1);
    expect(ended.outcome.status).toBe("fulfilled");
  });

  test("runs in parallel with itself: each call has its own limit", async () => {
    let alive = 0;
    let most = 0;
    const task = async (_item: number, context: Context): Promise<void> => {
      most = Math.max(most, ++alive);
      await context.sleep(5);
      alive--;
    };
    const options = { concurrency: 2, signal: root };
    const both = Promise.all([1, 2].map(() => forEachConcurrent(numbers(kind, 6).iterable, task, options)));
    await clock.advance(100);
    await both;
    expect(most).toBe(4);
  });

  test("can be nested: a task waits for a run of its own without taking places from others", async () => {
    let ended = 0;
    const inner = (_item: number, context: Context): Promise<void> => context.sleep(1).then(() => void ended++);
    const outer = (_item: number, context: Context): Promise<void> =>
      forEachConcurrent(numbers(kind, 3).iterable, inner, { concurrency: 1, signal: context });
    const all = forEachConcurrent(numbers(kind, 3).iterable, outer, { concurrency: 1, signal: root });
    await clock.advance(9);
    await all;
    expect(ended).toBe(9);
  });
});

test("forEachConcurrent begins before it returns, when the source is there at once", () => {
  const items: number[] = [];
  void forEachConcurrent([1, 2, 3], async (item) => void items.push(item), { concurrency: 2 });
  expect(items).toEqual([1, 2]);
});

describe("the hooks", () => {
  test("see each task created, started and ended, with its outcome", async () => {
    const log: string[] = [];
    const ids = new Map<object, number>();
    const id = (task: object): number => ids.get(task) ?? ids.set(task, ids.size).get(task)!;
    const recording: Hooks = {
      ...deafHooks,
      resourceCreated: (_map, kind, _name, capacity) => log.push(`${kind} of ${capacity}`),
      taskCreated: (task, _scope, name) => log.push(`created ${id(task)} ${name}`),
      taskStarted: (task) => log.push(`started ${id(task)}`),
      taskEnded: (task, result) => log.push(`ended ${id(task)} ${result}`),
    };
    const previous = installHooks(recording);
    const download = async (item: number): Promise<void> => {
      await drained();
      if (item === 1) throw new Error("failed");
    };
    await forEachConcurrent([0, 1], download, { concurrency: 1 }).catch(() => {});
    installHooks(previous);
    expect(log).toEqual([
      "map of 1",
      "created 0 download",
      "started 0",
      "ended 0 fulfilled",
      "created 1 download",
      "started 1",
      "ended 1 rejected",
    ]);
  });
});
