import { getEventListeners } from "node:events";
import { CanceledError, Context, contextKey, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained, outcome } from "../support/promises.ts";

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

describe("the signal of a context", () => {
  test("is made when it is first read, and always the same", () => {
    const context = Context.background.withCancel();
    expect(context.scope.controller).toBe(null);
    const { signal } = context;
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(context.signal).toBe(signal);
    expect(context.withCancel().signal).not.toBe(signal);
  });

  test("aborts inside cancel() with the reason of the context", () => {
    const root = Context.background.withCancel();
    const context = root.withCancel();
    const heard: unknown[] = [];
    context.signal.addEventListener("abort", () => heard.push(context.signal.reason));
    root.cancel("over");
    expect(heard).toEqual([context.reason]);
    expect(heard[0]).toBeInstanceOf(CanceledError);
  });

  test("aborts with a DeadlineExceededError at the deadline", async () => {
    const clock = new FakeClock();
    const { signal } = Context.root({ clock }).withTimeout(5);
    await clock.advance(5);
    expect(signal.reason).toBeInstanceOf(DeadlineExceededError);
    expect(() => signal.throwIfAborted()).toThrow(expect.objectContaining({ name: "TimeoutError" }));
  });

  test("is aborted from the beginning when the context is", () => {
    const context = Context.background.withTimeout(0);
    expect(context.signal.aborted).toBe(true);
    expect(context.signal.reason).toBe(context.reason);
  });

  test("ends what takes one, and can be linked to others", async () => {
    const context = Context.background.withCancel();
    const linked = AbortSignal.any([context.signal, new AbortController().signal]);
    const fetched = fetch("data:text/plain,never", { signal: context.signal });
    context.cancel();
    expect(linked.reason).toBe(context.reason);
    expect(await outcome(fetched)).toEqual({ status: "rejected", reason: context.reason });
  });

  test("lets a native listener cancel others, derive and register in the middle of the abort", async () => {
    const root = Context.background.withCancel();
    const [first, second] = [root.withCancel(), root.withCancel()];
    const other = Context.background.withCancel();
    const heard: string[] = [];
    second.signal.addEventListener("abort", () => heard.push("second"));
    second.onAbort(() => heard.push("listener of second"));
    other.signal.addEventListener("abort", () => heard.push("other"));
    first.signal.addEventListener("abort", () => {
      heard.push("first");
      second.cancel("too late");
      other.cancel("other");
      heard.push(`derived ${String(root.withCancel().aborted)}`);
      second.onAbort(() => heard.push("late listener of second"));
    });
    root.cancel("root");
    await drained();
    expect(heard).toEqual([
      "first",
      "other",
      "derived true",
      "second",
      "late listener of second",
      "listener of second",
    ]);
    expect([second.cause, other.cause]).toEqual(["root", "other"]);
  });
});

describe("Context.from()", () => {
  test("gives the same context for the same signal", () => {
    const { signal } = new AbortController();
    expect(Context.from(signal)).toBe(Context.from(signal));
    expect(Context.from(new AbortController().signal)).not.toBe(Context.from(signal));
  });

  test("finds the context that a signal was read from", () => {
    const context = Context.background.withTimeout("1h");
    expect(Context.from(context.signal)).toBe(context);
    expect(Context.from(context.withValue(contextKey("key"), 1).signal)).toBe(context);
    context.cancel();
  });

  test("is canceled when the signal aborts; the signal's reason is the cause", () => {
    const controller = new AbortController();
    const context = Context.from(controller.signal);
    const child = context.withCancel();
    expect([context.aborted, context.reason, context.cause, context.deadline]).toEqual([
      false,
      undefined,
      undefined,
      undefined,
    ]);
    const reason = new Error("client went away");
    controller.abort(reason);
    for (const each of [context, child]) {
      expect(each.aborted).toBe(true);
      expect(each.reason).toBeInstanceOf(CanceledError);
      expect(each.reason!.cause).toBe(reason);
      expect(each.cause).toBe(reason);
      expect(each.reason).toBe(context.reason);
    }
  });

  test("takes a TimeoutError of the platform as a DeadlineExceededError", () => {
    const controller = new AbortController();
    const reason = new DOMException("signal timed out", "TimeoutError");
    controller.abort(reason);
    const context = Context.from(controller.signal);
    expect(context.reason).toBeInstanceOf(DeadlineExceededError);
    expect([context.reason!.cause, context.cause]).toEqual([reason, reason]);
  });

  test("takes the platform's default reason, null and any other value", () => {
    const controllers = [new AbortController(), new AbortController(), new AbortController()];
    controllers[0]!.abort();
    controllers[1]!.abort(null);
    controllers[2]!.abort("text");
    const contexts = controllers.map(({ signal }) => Context.from(signal));
    expect(contexts.map(({ reason }) => reason instanceof CanceledError)).toEqual([true, true, true]);
    expect(contexts.map(({ cause }) => cause)).toEqual([controllers[0]!.signal.reason, null, "text"]);
    expect(contexts[0]!.cause).toBeInstanceOf(DOMException);
  });

  test("keeps a reason that is one of ours", () => {
    const outer = Context.background.withTimeout(0);
    const controller = new AbortController();
    controller.abort(outer.reason);
    expect(Context.from(controller.signal).reason).toBe(outer.reason);
    const composed = AbortSignal.any([outer.signal]);
    expect(Context.from(composed).reason).toBe(outer.reason);
  });

  test("does not touch the signal when something below is canceled", () => {
    const { signal } = new AbortController();
    const context = Context.from(signal);
    context.withCancel().cancel();
    expect([signal.aborted, context.aborted]).toEqual([false, false]);
  });

  test("has a signal of its own, with the reason of the context", () => {
    const controller = new AbortController();
    const { signal } = Context.from(controller.signal);
    expect(signal).not.toBe(controller.signal);
    expect(Context.from(signal).signal).toBe(signal);
    controller.abort("over");
    expect(signal.reason).toBe(Context.from(controller.signal).reason);
  });

  test.for<unknown>([undefined, null, {}, "signal", 1, new EventTarget().addEventListener])("refuses %s", (signal) => {
    const from = (): unknown => Context.from(signal as AbortSignal);
    expect(from).toThrow(TypeError);
    expect(from).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    expect(from).toThrow(/^signal must be an AbortSignal/);
  });
});

describe("a foreign signal", () => {
  test("has one listener at most, however much hangs on it, and none when nothing does", async () => {
    const { signal } = new AbortController();
    const counts: number[] = [];
    const count = (): void => void counts.push(listeners(signal));
    const context = Context.from(signal);
    count();
    const children = Array.from({ length: 1000 }, () => Context.from(signal).withCancel());
    const stops = Array.from({ length: 1000 }, () => context.onAbort(() => {}));
    const slept = children[0]!.sleep("1h").catch(() => {});
    count();
    for (const child of children) child.cancel();
    await slept;
    count();
    for (const stop of stops) stop();
    count();
    context.withValue(contextKey("key"), 1).onAbort(() => {})();
    count();
    expect(counts).toEqual([0, 1, 1, 0, 0]);
  });

  test("collects a listener for each on the platform: the control", () => {
    const { signal } = new AbortController();
    for (let index = 0; index < 10; index++) signal.addEventListener("abort", () => {});
    expect(listeners(signal)).toBe(10);
  });

  test("keeps the listener while somebody has the context's own signal", () => {
    const controller = new AbortController();
    const context = Context.from(controller.signal);
    const { signal } = context;
    context.onAbort(() => {})();
    expect(listeners(controller.signal)).toBe(1);
    controller.abort();
    expect([signal.aborted, listeners(controller.signal)]).toEqual([true, 0]);
  });

  test("that has aborted gets no listener at all", async () => {
    const signal = AbortSignal.abort("over");
    const context = Context.from(signal);
    const heard: unknown[] = [];
    context.onAbort((reason) => heard.push(reason));
    expect([context.signal.aborted, context.withCancel().aborted, context.withTimeout(5).aborted]).toEqual([
      true,
      true,
      true,
    ]);
    expect(listeners(signal)).toBe(0);
    await drained();
    expect(heard).toEqual([context.reason]);
  });

  test("is looked at when nothing listens, so that its abort is never missed", () => {
    const controller = new AbortController();
    const context = Context.from(controller.signal);
    const valued = context.withValue(contextKey("key"), 1);
    expect([context.aborted, valued.aborted]).toEqual([false, false]);
    controller.abort("over");
    expect(valued.withCancel().cause).toBe("over");
    expect([valued.cause, context.cause, listeners(controller.signal)]).toEqual(["over", "over", 0]);
  });

  test("is looked at by a listener of its own that comes first, and everybody is told once", async () => {
    const controller = new AbortController();
    const context = Context.from(controller.signal);
    const heard: string[] = [];
    const first = (): void => void heard.push(`context ${String(context.aborted)}`, `child ${String(child.aborted)}`);
    controller.signal.addEventListener("abort", first, { once: true });
    const child = context.withCancel();
    child.onAbort(() => heard.push("listener"));
    child.signal.addEventListener("abort", () => heard.push("native"));
    controller.abort();
    await drained();
    expect(heard).toEqual(["native", "context true", "child true", "listener"]);
    expect(listeners(controller.signal)).toBe(0);
  });
});
