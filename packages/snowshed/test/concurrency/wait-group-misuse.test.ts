// Arguments and orders that make no sense, what the types accept, and what stays behind.
import { Context, WaitGroup } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained, outcome } from "../support/promises.ts";

describe("misuse", () => {
  const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };

  test.each([
    [Number.NaN, RangeError],
    [0.5, RangeError],
    [2 ** 53, RangeError],
    [Number.POSITIVE_INFINITY, RangeError],
    [Number.NEGATIVE_INFINITY, RangeError],
    ["1", TypeError],
    [null, TypeError],
    [1n, TypeError],
  ])("add(%p) is refused and changes nothing", (delta, expected) => {
    const group = new WaitGroup();
    group.add(2);
    expect(() => group.add(delta as number)).toThrow(expected);
    expect(() => group.add(delta as number)).toThrow(expect.objectContaining(invalid));
    expect(group.count).toBe(2);
  });

  test("a counter that can no longer count exactly is refused", () => {
    const group = new WaitGroup();
    group.add(Number.MAX_SAFE_INTEGER);
    expect(() => group.add()).toThrow(RangeError);
    expect(() => group.go(() => {})).toThrow(RangeError);
    expect(group.count).toBe(Number.MAX_SAFE_INTEGER);
  });

  test.each([undefined, null, {}, "task", Promise.resolve()])("go(%p) is refused and counts nothing", (task) => {
    const group = new WaitGroup();
    expect(() => group.go(task as () => void)).toThrow(TypeError);
    expect(() => group.go(task as () => void)).toThrow(expect.objectContaining(invalid));
    expect(group.count).toBe(0);
  });

  test("a signal that is none is refused", async () => {
    const group = new WaitGroup();
    group.add();
    const call = async (): Promise<void> => group.wait({ signal: {} as AbortSignal });
    expect(await outcome(call())).toMatchObject({ status: "rejected", reason: invalid });
  });

  test("adding inside the task, after wait() has looked, waits for nothing (R03): go() counts before it starts", async () => {
    const wrong = new WaitGroup();
    const right = new WaitGroup();
    const ended: string[] = [];
    const work = async (name: string): Promise<void> => {
      await drained();
      ended.push(name);
    };
    void (async () => {
      await Promise.resolve();
      wrong.add();
      await work("wrong");
      wrong.done();
    })();
    await wrong.wait();
    expect(ended).toEqual([]);
    right.go(() => work("right"));
    await right.wait();
    expect(ended).toContain("right");
  });
});

describe("what stays behind", () => {
  async function forgets(abort: boolean): Promise<boolean> {
    const group = new WaitGroup();
    group.add();
    const parent = Context.background.withCancel();
    const gone = await collected(async () => {
      const context = parent.withCancel();
      const payload = { bytes: new Uint8Array(10) };
      const settle = (): number => payload.bytes.length;
      void group.wait({ signal: context }).then(settle, settle);
      if (abort) context.cancel();
      await drained();
      return new WeakRef(payload);
    });
    group.done();
    parent.cancel();
    return gone;
  }

  test("of a waiter that gave up is nothing", async () => {
    expect(await forgets(true)).toBe(true);
  });

  test("of a waiter that waits is the waiter: the check would see a leak", async () => {
    expect(await forgets(false)).toBe(false);
  });

  test("of generations and their failures is nothing, once they were delivered", async () => {
    const group = new WaitGroup();
    const failures = (deliver: boolean) => async (): Promise<WeakRef<Error>> => {
      const error = new Error("of all generations");
      for (let generation = 0; generation < 20; generation++) {
        group.go(() => Promise.reject(error));
        await drained();
        if (deliver) await outcome(group.wait());
      }
      return new WeakRef(error);
    };
    const delivered = await collected(failures(true));
    const kept = await collected(failures(false));
    await outcome(group.wait());
    expect([delivered, kept, group.count]).toEqual([true, false, 0]);
  });
});

describe("the types", () => {
  test("take any task, and give nothing back but the end", () => {
    const group = new WaitGroup();
    expectTypeOf(group.wait()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(group.go).returns.toEqualTypeOf<void>();
    expectTypeOf(group.go).parameter(0).toEqualTypeOf<() => unknown>();
    const never = (): void => {
      // @ts-expect-error read only: add() changes it
      group.count = 1;
      // @ts-expect-error a task takes nothing
      group.go((context: Context) => context);
      // @ts-expect-error a number of milliseconds is no signal
      void group.wait({ signal: 1000 });
    };
    expectTypeOf(never).toBeFunction();
  });
});
