import type { GroupOptions } from "snowshed";
import { Context, Group } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";

const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;

describe("new Group()", () => {
  test.each([-1, 0.5, Number.NaN, -Infinity, 2 ** 53, Number.MIN_VALUE])(
    "refuses the concurrency %s",
    (concurrency) => {
      expect(() => new Group({ concurrency })).toThrow(RangeError);
      expect(() => new Group({ concurrency })).toThrow(invalid);
      expect(() => new Group({ concurrency })).toThrow(String(concurrency));
    },
  );

  test.each(["2", null, true, 1n, {}, [2], Symbol("two")])("refuses a concurrency that is no number: %o", (value) => {
    const concurrency = value as unknown as number;
    expect(() => new Group({ concurrency })).toThrow(TypeError);
    expect(() => new Group({ concurrency })).toThrow(invalid);
  });

  test.each([0, 1, Number.MAX_SAFE_INTEGER, Infinity, undefined])("takes the concurrency %s", (concurrency) => {
    expect(new Group({ concurrency }).concurrency).toBe(concurrency ?? Infinity);
  });

  test.each([0, 1, "true", null, {}])("refuses a failFast that is neither boolean nor function: %o", (failFast) => {
    expect(() => new Group({ failFast: failFast as unknown as boolean })).toThrow(invalid);
  });

  test.each([null, 5, "signal", {}, { aborted: false }, { signal: 1 }])("refuses %o as a signal", (signal) => {
    expect(() => new Group({ signal: signal as unknown as AbortSignal })).toThrow(TypeError);
    expect(() => new Group({ signal: signal as unknown as AbortSignal })).toThrow(invalid);
  });

  test("takes every option as undefined", async () => {
    await new Group({ signal: undefined, concurrency: undefined, name: undefined, failFast: undefined }).wait();
  });
});

describe("go(), tryGo() and wait()", () => {
  test.each([undefined, null, 1, "task", {}, Promise.resolve()])(
    "refuse %o as a task or a signal, and change nothing",
    async (value) => {
      const group = new Group({ concurrency: 1 });
      const wrong = value as () => void;
      for (const start of [() => group.go(wrong), () => group.tryGo(wrong), () => group.child().go(wrong)]) {
        expect(start).toThrow(TypeError);
        expect(start).toThrow(invalid);
      }
      if (value !== undefined) expect(() => group.wait({ signal: value as unknown as AbortSignal })).toThrow(invalid);
      expect([group.running, group.queued, group.context.aborted]).toEqual([0, 0, false]);
      const task = group.go(() => "still works");
      await group.wait();
      expect(task.value).toBe("still works");
    },
  );

  test("tryGo() refuses what is no function also where it would not run it", () => {
    const full = new Group({ concurrency: 0 });
    expect(() => full.tryGo(1 as unknown as () => void)).toThrow(invalid);
    full.cancel();
    expect(() => full.tryGo(1 as unknown as () => void)).toThrow(invalid);
  });

  test("child() refuses what the constructor refuses, and leaves the parent without a child", async () => {
    const group = new Group();
    expect(() => group.child({ concurrency: -1 })).toThrow(invalid);
    await group.wait();
  });
});

describe("types", () => {
  test("a body gets a Context that it cannot cancel", () => {
    const group = new Group();
    group.go((context) => expectTypeOf(context).toEqualTypeOf<Context>());
    expectTypeOf(group.context).toEqualTypeOf<Context>();
    // @ts-expect-error canceling is the group's: group.cancel()
    const cancel: unknown = group.context.cancel;
    expect(cancel).toBeTypeOf("function");
  });

  test("options are readonly, the same for child() but for the signal", () => {
    expectTypeOf<GroupOptions["failFast"]>().toEqualTypeOf<boolean | ((error: unknown) => boolean) | undefined>();
    expectTypeOf<GroupOptions["signal"]>().toEqualTypeOf<AbortSignal | Context | undefined>();
    const group = new Group();
    // @ts-expect-error the signal of a child is its parent's context
    const child = group.child({ signal: Context.background });
    expect(child).toBeInstanceOf(Group);
    // @ts-expect-error a limit is a number
    expect(() => new Group({ concurrency: "3" })).toThrow(invalid);
  });

  test("what is read is readonly, but for the concurrency", () => {
    const group = new Group();
    expectTypeOf(group.errors).toEqualTypeOf<readonly unknown[]>();
    expectTypeOf(group.wait).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(group.ready).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(group).toExtend<AsyncDisposable>();
    group.concurrency = 2;
    // @ts-expect-error counted by the group
    expect(() => void (group.running = 1)).toThrow(TypeError);
    // @ts-expect-error counted by the group
    expect(() => void (group.queued = 1)).toThrow(TypeError);
  });
});
