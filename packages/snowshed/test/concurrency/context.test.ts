import type { ContextKey, DeadlineExceededError } from "snowshed";
import { CancelContext, CanceledError, Context, contextKey } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";

describe("a root context", () => {
  test.for([
    ["the background", Context.background],
    ["a root in another clock", Context.root({ clock: new FakeClock() })],
    ["a root without options", Context.root()],
  ] as const)("is never aborted and has no deadline: %s", ([, context]) => {
    expect(context).toBeInstanceOf(Context);
    expect(context).not.toBeInstanceOf(CancelContext);
    expect([context.aborted, context.reason, context.cause]).toEqual([false, undefined, undefined]);
    expect([context.deadline, context.remaining()]).toEqual([undefined, Infinity]);
    expect(context.signal.aborted).toBe(false);
    context.throwIfAborted();
    expect(context.onAbort(() => expect.unreachable())()).toBe(true);
  });
});

describe("cancel()", () => {
  test("aborts the context with a CanceledError", () => {
    const context = Context.background.withCancel();
    expect([context.aborted, context.reason, context.cause]).toEqual([false, undefined, undefined]);
    context.cancel();
    expect(context.aborted).toBe(true);
    expect(context.reason).toBeInstanceOf(CanceledError);
    expect(context.reason).toMatchObject({ name: "AbortError", code: "SNOWSHED_CANCELED" });
    expect("cause" in context.reason!).toBe(false);
    expect(context.cause).toBe(context.reason);
    expect(() => context.throwIfAborted()).toThrow(context.reason);
  });

  test.for<[unknown]>([[new Error("client went away")], ["text"], [0], [false], [null], [{}]])(
    "takes %j as its cause",
    ([cause]) => {
      const context = Context.background.withCancel();
      context.cancel(cause);
      expect(context.cause).toBe(cause);
      expect(context.reason).toBeInstanceOf(CanceledError);
      expect(context.reason!.cause).toBe(cause);
    },
  );

  test("counts the first time only", () => {
    const context = Context.background.withCancel();
    context.cancel("first");
    const { reason } = context;
    context.cancel("second");
    context[Symbol.dispose]();
    expect([context.cause, context.reason]).toEqual(["first", reason]);
    expect(context.reason).toBe(reason);
  });

  test("is what the end of the scope does", () => {
    const context = Context.background.withCancel();
    context[Symbol.dispose]();
    expect(context.reason).toBeInstanceOf(CanceledError);
  });

  test("is done for the whole subtree when it returns, all with the same reason", () => {
    const root = Context.background.withCancel();
    const key = contextKey<number>("key");
    const tree = [
      root.withCancel(),
      root.withTimeout("1h"),
      root.withValue(key, 1),
      root.withValue(key, 2).withCancel(),
    ];
    const all = tree.flatMap((context) => [context, context.withCancel(), context.withCancel().withTimeout("2h")]);
    root.cancel("over");
    for (const context of all) {
      expect(context.aborted).toBe(true);
      expect(context.reason).toBe(root.reason);
      expect(context.cause).toBe("over");
    }
  });

  test("leaves parent and siblings alone", () => {
    const parent = Context.background.withCancel();
    const [child, sibling] = [parent.withCancel(), parent.withCancel()];
    child.cancel();
    expect([parent.aborted, sibling.aborted, child.aborted]).toEqual([false, false, true]);
  });

  test("of a child before its parent keeps the child's cause, after it the parent's", () => {
    const parent = Context.background.withCancel();
    const [early, late] = [parent.withCancel(), parent.withCancel()];
    early.cancel("early");
    parent.cancel("parent");
    late.cancel("late");
    expect([early.cause, parent.cause, late.cause]).toEqual(["early", "parent", "parent"]);
  });

  test("reaches what is derived later: aborted from the beginning, with the reason of its parent", () => {
    const parent = Context.background.withCancel();
    parent.cancel("over");
    const key = contextKey<number>("key");
    const clock = new FakeClock();
    const inOtherClock = Context.root({ clock }).withCancel();
    inOtherClock.cancel("over");
    for (const [from, derived] of [
      [parent, parent.withCancel()],
      [parent, parent.withTimeout("1h", "not this one")],
      [parent, parent.withTimeout(0, "nor this one")],
      [parent, parent.withValue(key, 1)],
      [inOtherClock, inOtherClock.withTimeout("1h")],
      [inOtherClock, inOtherClock.withDeadline(5)],
    ] as const) {
      expect(derived.aborted).toBe(true);
      expect(derived.reason).toBe(from.reason);
      expect(derived.cause).toBe("over");
      expect(derived.signal.aborted).toBe(true);
    }
    expect(clock.pending).toBe(0);
  });

  test("of a chain of 10,000 contexts needs no stack", () => {
    const root = Context.background.withCancel();
    let leaf: Context = root;
    for (let depth = 0; depth < 10_000; depth++) leaf = leaf.withCancel();
    const key = contextKey<number>("depth");
    let valued: Context = leaf.withValue(key, -1);
    for (let depth = 0; depth < 10_000; depth++) valued = valued.withValue(contextKey<number>("other"), depth);
    const { signal } = leaf;
    root.cancel("over");
    expect([leaf.aborted, leaf.cause, signal.aborted, valued.aborted]).toEqual([true, "over", true, true]);
    expect(valued.value(key)).toBe(-1);
  });

  test("of a tree of 10,000 contexts is done when it returns", () => {
    const root = Context.background.withCancel();
    const children = Array.from({ length: 100 }, () => root.withCancel());
    const leaves = children.flatMap((child) => Array.from({ length: 100 }, () => child.withCancel()));
    root.cancel();
    expect(leaves.every((leaf) => leaf.reason === root.reason)).toBe(true);
  });
});

describe("the reason", () => {
  test("is one error, however it is asked for", async () => {
    const context = Context.background.withCancel();
    const heard = new Promise((resolve) => void context.onAbort(resolve));
    const slept = context.sleep("1h").catch((error: unknown) => error);
    const { signal } = context;
    context.cancel();
    const { reason } = context;
    expect(signal.reason).toBe(reason);
    expect(context.withCancel().signal.reason).toBe(reason);
    expect(await heard).toBe(reason);
    expect(await slept).toBe(reason);
    expect(context.reason).toBe(reason);
    expect(() => context.throwIfAborted()).toThrow(reason);
  });
});

describe("values", () => {
  const trace = contextKey<string>("trace");
  const other = contextKey<string>("trace");

  test("are found from below, the nearest first, through every kind of context", () => {
    const outer = Context.background.withValue(trace, "outer");
    const inner = outer
      .withCancel()
      .withTimeout("1h")
      .withValue(trace, "inner")
      .withDeadline(Date.now() + 60_000);
    expect([outer.value(trace), inner.value(trace)]).toEqual(["outer", "inner"]);
    expect(inner.withoutCancel().withCancel().value(trace)).toBe("inner");
    inner.cancel();
    expect(inner.value(trace)).toBe("inner");
    expect(Context.background.value(trace)).toBe(undefined);
  });

  test("are told apart by the identity of the key, not by its name", () => {
    expect(Context.background.withValue(trace, "one").value(other)).toBe(undefined);
    expect(trace).toEqual(other);
  });

  test("hide the outer value also with undefined, null and false", () => {
    const key = contextKey<unknown>("key");
    const outer = Context.background.withValue(key, 1);
    for (const value of [undefined, null, false, Number.NaN])
      expect(outer.withValue(key, value).value(key)).toBe(value);
  });

  test("do not change the cancellation: a context with a value is aborted with its parent, and has its signal", () => {
    const parent = Context.background.withTimeout("1h");
    const valued = parent.withValue(trace, "a");
    expect(valued.signal).toBe(parent.signal);
    expect(valued.deadline).toBe(parent.deadline);
    expect(valued).not.toBeInstanceOf(CancelContext);
    parent.cancel("over");
    expect([valued.aborted, valued.cause, valued.reason === parent.reason]).toEqual([true, "over", true]);
  });

  test("need a key that contextKey() made", () => {
    for (const key of [undefined, null, "trace", 1, Symbol("trace"), () => {}]) {
      const derive = (): Context => Context.background.withValue(key as unknown as ContextKey<number>, 1);
      expect(derive).toThrow(TypeError);
      expect(derive).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    }
    expect(() => Object.assign(trace, { name: "changed" })).toThrow(TypeError);
  });

  test("have the type of their key", () => {
    const context = Context.background.withValue(trace, "a");
    expectTypeOf(context.value(trace)).toEqualTypeOf<string | undefined>();
    expectTypeOf(contextKey<{ id: number }>("user")).toEqualTypeOf<ContextKey<{ id: number }>>();
    // @ts-expect-error the key is one of texts
    context.withValue(trace, 1);
    // @ts-expect-error a name is no key
    expect(context.value("trace")).toBe(undefined);
  });
});

describe("withoutCancel()", () => {
  test("drops cancellation and deadline, keeps values and the clock", async () => {
    const clock = new FakeClock();
    const key = contextKey<number>("key");
    const parent = Context.root({ clock }).withValue(key, 1).withTimeout(10);
    const free = parent.withoutCancel();
    expect([free.deadline, free.remaining(), free.value(key)]).toEqual([undefined, Infinity, 1]);
    parent.cancel();
    expect([free.aborted, free.reason, free.cause, free.signal.aborted]).toEqual([false, undefined, undefined, false]);
    const child = free.withTimeout(20);
    await clock.advance(20);
    expect([child.aborted, free.aborted]).toEqual([true, false]);
    expect(parent.withoutCancel().aborted).toBe(false);
  });
});

test("the types say what can be canceled and why it was", () => {
  const context = Context.background.withCancel();
  expectTypeOf(context).toEqualTypeOf<CancelContext>();
  expectTypeOf(context).toExtend<Disposable>();
  expectTypeOf(context.reason).toEqualTypeOf<CanceledError | DeadlineExceededError | undefined>();
  expectTypeOf(context.cause).toEqualTypeOf<unknown>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
  expectTypeOf(context.deadline).toEqualTypeOf<number | undefined>();
  expectTypeOf(context.onAbort).returns.toEqualTypeOf<() => boolean>();
  expectTypeOf(Context.background.withValue).returns.toEqualTypeOf<Context>();
  expectTypeOf(Context.background.withoutCancel).returns.toEqualTypeOf<Context>();
  expectTypeOf(Context.from).parameters.toEqualTypeOf<[signal: AbortSignal]>();
  expectTypeOf<Context>().not.toHaveProperty("cancel");
  // @ts-expect-error read only
  expect(() => Object.freeze(context) && (context.aborted = true)).toThrow(TypeError);
});
