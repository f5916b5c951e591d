import { AsyncLocalStorage } from "node:async_hooks";
import type { Duration } from "snowshed";
import { Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

describe("onAbort()", () => {
  test("calls the listener once with the reason, in a microtask and never inside cancel()", async () => {
    const context = Context.background.withCancel();
    const heard: unknown[] = [];
    context.onAbort((reason) => heard.push(reason));
    context.cancel();
    expect(heard).toEqual([]);
    await Promise.resolve();
    expect(heard).toEqual([context.reason]);
    context.cancel();
    await drained();
    expect(heard).toHaveLength(1);
  });

  test("calls it soon if the context is aborted already, and not inside onAbort()", async () => {
    const context = Context.background.withCancel();
    context.cancel("over");
    const heard: unknown[] = [];
    context.onAbort((reason) => heard.push(reason));
    expect(heard).toEqual([]);
    await Promise.resolve();
    expect(heard).toEqual([context.reason]);
  });

  test("calls those of the parent before those of its children, each in the order they were set", async () => {
    const root = Context.background.withCancel();
    const heard: string[] = [];
    const child = root.withCancel();
    child.onAbort(() => heard.push("child 1"));
    child.withCancel().onAbort(() => heard.push("grandchild"));
    root.onAbort(() => heard.push("root 1"));
    root.withCancel().onAbort(() => heard.push("second child"));
    root.onAbort(() => heard.push("root 2"));
    child.onAbort(() => heard.push("child 2"));
    root.cancel();
    await drained();
    expect(heard).toEqual(["root 1", "root 2", "child 1", "child 2", "second child", "grandchild"]);
  });

  test("lets every listener find the whole subtree aborted, and so do native ones", async () => {
    const root = Context.background.withCancel();
    const children = Array.from({ length: 10 }, () => root.withCancel());
    const leaves = children.map((child) => child.withCancel().withCancel());
    const all = [root, ...children, ...leaves];
    const seen: boolean[] = [];
    const look = (): void => void seen.push(all.every((context) => context.aborted && context.reason === root.reason));
    for (const context of all) {
      context.onAbort(look);
      context.signal.addEventListener("abort", look);
    }
    root.cancel();
    expect(seen).toEqual(all.map(() => true));
    await drained();
    expect(seen).toEqual([...all, ...all].map(() => true));
  });

  test("is not so on the platform, where a listener can meet a tree that is half aborted: the control", () => {
    const root = new AbortController();
    const child = new AbortController();
    const seen: boolean[] = [];
    root.signal.addEventListener("abort", () => seen.push(child.signal.aborted));
    root.signal.addEventListener("abort", () => child.abort());
    root.abort();
    expect(seen).toEqual([false]);
  });

  test("keeps equal functions apart: each registration is one call", async () => {
    const context = Context.background.withCancel();
    let calls = 0;
    const listener = (): void => void calls++;
    context.onAbort(listener);
    const stop = context.onAbort(listener);
    context.onAbort(listener);
    expect(stop()).toBe(true);
    context.cancel();
    await drained();
    expect(calls).toBe(2);
  });

  test("may be called by a listener, for the same context and for others", async () => {
    const root = Context.background.withCancel();
    const other = Context.background.withCancel();
    const heard: string[] = [];
    other.onAbort(() => heard.push("other"));
    root.onAbort(() => {
      heard.push("root");
      root.onAbort(() => heard.push("added to the aborted"));
      other.cancel();
      root.withCancel().onAbort(() => heard.push("below the aborted"));
    });
    root.cancel();
    await drained();
    expect(heard).toEqual(["root", "added to the aborted", "other", "below the aborted"]);
  });

  test.for<unknown>([undefined, null, "listener", {}, 1])("refuses %s as a listener and links nothing", (listener) => {
    const context = Context.background.withCancel();
    const register = (): unknown => context.onAbort(listener as () => void);
    expect(register).toThrow(TypeError);
    expect(register).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    expect(context.scope.head).toBe(null);
  });

  test("ignores what the listener returns", async () => {
    const context = Context.background.withCancel();
    context.onAbort(() => "anything");
    context.cancel();
    await drained();
    expectTypeOf(context.onAbort).parameters.toEqualTypeOf<[listener: (reason: unknown) => void]>();
  });
});

describe("the stop() that onAbort() returns", () => {
  test("prevents the call, says so once, and leaves nothing linked", async () => {
    const context = Context.background.withCancel();
    const stop = context.onAbort(() => expect.unreachable());
    expect([stop(), stop()]).toEqual([true, false]);
    expect(context.scope.head).toBe(null);
    context.cancel();
    await drained();
    expect(stop()).toBe(false);
  });

  test("still prevents the call between cancel() and the microtask", async () => {
    const context = Context.background.withCancel();
    const stop = context.onAbort(() => expect.unreachable());
    context.cancel();
    expect([stop(), stop()]).toEqual([true, false]);
    const stopLate = context.onAbort(() => expect.unreachable());
    expect(stopLate()).toBe(true);
    await drained();
  });

  test("may be called by another listener before it, and by the listener itself", async () => {
    const context = Context.background.withCancel();
    const stopped: boolean[] = [];
    const stopOwn = context.onAbort(() => stopped.push(stopOwn(), stopNext()));
    const stopNext = context.onAbort(() => expect.unreachable());
    context.cancel();
    await drained();
    expect(stopped).toEqual([false, true]);
  });

  test("is false after the call", async () => {
    const context = Context.background.withCancel();
    const stop = context.onAbort(() => {});
    context.cancel();
    await drained();
    expect(stop()).toBe(false);
  });

  test("works in any order, and only takes back its own", async () => {
    const context = Context.background.withCancel();
    const heard: number[] = [];
    const stops = Array.from({ length: 6 }, (_, index) => context.onAbort(() => heard.push(index)));
    for (const index of [0, 5, 2, 3]) expect(stops[index]!()).toBe(true);
    context.cancel();
    await drained();
    expect(heard).toEqual([1, 4]);
  });
});

describe("sleep()", () => {
  test("resolves when its time has passed, and leaves nothing behind", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const slept = context.sleep("2s");
    await clock.advance(1999);
    expect(await outcome(slept)).toEqual({ status: "pending" });
    await clock.advance(1);
    expect(await outcome(slept)).toEqual({ status: "fulfilled", value: undefined });
    expect([clock.pending, context.scope.head]).toEqual([0, null]);
  });

  test("rejects with the reason when the context is canceled, and clears its timer", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const slept = context.withCancel().sleep("1h");
    context.cancel("over");
    expect(await outcome(slept)).toEqual({ status: "rejected", reason: context.reason });
    expect(clock.pending).toBe(0);
  });

  test("rejects at once if the context is aborted already, even for no time at all", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    context.cancel();
    const slept = context.sleep(0);
    expect(clock.pending).toBe(0);
    expect(await outcome(slept)).toEqual({ status: "rejected", reason: context.reason });
    expect(clock.pending).toBe(0);
  });

  test("ends with the deadline if that comes first", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock });
    const short = context.withTimeout(5);
    const interrupted = observe(short.sleep(6));
    const before = context.withTimeout(5).sleep(4.5);
    await clock.advance(6);
    expect(interrupted.outcome).toEqual({ status: "rejected", reason: short.reason });
    expect(await outcome(before)).toEqual({ status: "fulfilled", value: undefined });
    expect(clock.pending).toBe(0);
  });

  test.for<Duration>([0, -1, "-2s"])("of %s resolves at the clock's next turn", async (duration) => {
    const clock = new FakeClock();
    const slept = Context.root({ clock }).sleep(duration);
    await clock.advance(0);
    expect(await outcome(slept)).toEqual({ status: "fulfilled", value: undefined });
  });

  test("of Infinity lasts until the context is canceled", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const slept = context.sleep(Infinity);
    await clock.advance("1000h");
    expect(await outcome(slept)).toEqual({ status: "pending" });
    context.cancel();
    expect(await outcome(slept)).toEqual({ status: "rejected", reason: context.reason });
  });

  test("refuses what is no duration, and links nothing", () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    for (const duration of [Number.NaN, "soon", undefined, null]) {
      const sleep = (): unknown => context.sleep(duration as Duration);
      expect(sleep).toThrow(expect.objectContaining({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" }));
    }
    expect([clock.pending, context.scope.head]).toEqual([0, null]);
  });

  test("comes back to the AsyncLocalStorage store of its caller, woken or canceled", async () => {
    const store = new AsyncLocalStorage<string>();
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const seen: (string | undefined)[] = [];
    const sleeper = async (duration: Duration): Promise<void> => {
      await context.sleep(duration).catch(() => {});
      seen.push(store.getStore());
    };
    const sleepers = ["first", "second"].map((name, index) => store.run(name, () => sleeper(index === 0 ? 5 : "1h")));
    await store.run("advancing", () => clock.advance(5));
    store.run("canceling", () => context.cancel());
    await Promise.all(sleepers);
    expect(seen).toEqual(["first", "second"]);
  });
});
