// What is over must not be kept alive by what goes on. Each check is shown to fail on something that is kept.
import { Context, Group } from "snowshed";
import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { deferred, drained } from "../support/promises.ts";

describe("a group that lives on", () => {
  test("keeps neither the tasks that ended, nor their results and bodies", async () => {
    const group = new Group({ concurrency: 1 });
    const kept: unknown[] = [];
    const run = async (keep: boolean): Promise<WeakRef<object>> => {
      const big = { bytes: new Uint8Array(1000) };
      const task = group.go(async () => big);
      await task;
      if (keep) kept.push(task);
      return new WeakRef(big);
    };
    expect(await collected(() => run(false))).toBe(true);
    expect(await collected(() => run(true), 3)).toBe(false);
    expect(kept).toHaveLength(1);
    await group.wait();
  });

  test("keeps no task that was skipped", async () => {
    const group = new Group({ concurrency: 0 });
    const queue = (): WeakRef<object> => {
      const body = { run: () => {} };
      group.go(() => body.run());
      return new WeakRef(body);
    };
    expect(await collected(queue, 3)).toBe(false);
    const skipped = (): WeakRef<object> => {
      const reference = queue();
      group.cancel();
      return reference;
    };
    expect(await collected(skipped)).toBe(true);
    expect(group.queued).toBe(0);
  });

  test("keeps no waiter that gave up", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const wait = (giveUp: boolean) => async (): Promise<WeakRef<object>> => {
      const context = Context.background.withCancel();
      const waited = group.wait({ signal: context }).catch(() => {});
      if (giveUp) {
        context.cancel();
        await waited;
      }
      return new WeakRef(context);
    };
    expect(await collected(wait(true))).toBe(true);
    expect(await collected(wait(false), 3)).toBe(false);
    gate.resolve();
    await group.wait();
  });

  test("keeps no child that was waited for or disposed", async () => {
    const parent = new Group();
    const use = (end: (child: Group) => Promise<void>) => async (): Promise<WeakRef<object>> => {
      const child = parent.child();
      child.go(() => drained());
      await end(child);
      return new WeakRef(child);
    };
    expect(await collected(use((child) => child.wait()))).toBe(true);
    expect(await collected(use((child) => child[Symbol.asyncDispose]()))).toBe(true);
    const running = deferred();
    const still = use(async (child) => void child.go(() => running.promise));
    expect(await collected(still, 3)).toBe(false);
    running.resolve();
    await parent.wait();
  });
});

describe("a signal that lives on", () => {
  test("keeps no group that was waited for", async () => {
    const context = Context.background.withCancel();
    const controller = new AbortController();
    for (const signal of [context, controller.signal]) {
      const use = async (): Promise<WeakRef<object>> => {
        const group = new Group({ signal });
        group.go(() => drained());
        await group.wait();
        return new WeakRef(group);
      };
      expect(await collected(use)).toBe(true);
      const listening = async (): Promise<WeakRef<object>> => {
        const group = new Group({ signal });
        group.go(() => context.onAbort(() => group.cancel()));
        await group.wait();
        return new WeakRef(group);
      };
      expect(await collected(listening, 3)).toBe(false);
    }
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    expect(context.aborted).toBe(false);
  });
});
