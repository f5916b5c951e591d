import type { Duration } from "snowshed";
import { CanceledError, Context, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";

function root(options?: ConstructorParameters<typeof FakeClock>[0]): { clock: FakeClock; context: Context } {
  const clock = new FakeClock(options);
  return { clock, context: Context.root({ clock }) };
}

describe("withTimeout()", () => {
  test("aborts with a DeadlineExceededError when its time has passed, not before", async () => {
    const { clock, context } = root({ start: 1000 });
    const limited = context.withTimeout("3s");
    expect([limited.deadline, limited.remaining()]).toEqual([4000, 3000]);
    await clock.advance(2999);
    expect([limited.aborted, limited.remaining()]).toEqual([false, 1]);
    await clock.advance(1);
    expect([limited.aborted, limited.remaining(), limited.deadline]).toEqual([true, 0, 4000]);
    expect(limited.reason).toBeInstanceOf(DeadlineExceededError);
    expect(limited.reason).not.toBeInstanceOf(CanceledError);
    expect(limited.reason).toMatchObject({ name: "TimeoutError", code: "SNOWSHED_DEADLINE_EXCEEDED" });
    expect(limited.cause).toBe(limited.reason);
    await clock.advance(5000);
    expect(limited.remaining()).toBe(0);
  });

  test.for<Duration>([0, -1, "-5s", -Infinity, "0ms"])("of %s is aborted at return", (timeout) => {
    const { clock, context } = root();
    const parent = context.withCancel();
    const limited = parent.withTimeout(timeout, "too late");
    expect(limited.aborted).toBe(true);
    expect(limited.reason).toBeInstanceOf(DeadlineExceededError);
    expect([limited.cause, limited.remaining(), clock.pending]).toEqual(["too late", 0, 0]);
    expect([parent.aborted, parent.scope.head]).toEqual([false, null]);
  });

  test("of Infinity sets no deadline and no timer", () => {
    const { clock, context } = root();
    const limited = context.withTimeout(Infinity, "never");
    expect([limited.deadline, limited.remaining(), clock.pending]).toEqual([undefined, Infinity, 0]);
    limited.cancel();
    expect(limited.reason).toBeInstanceOf(CanceledError);
    expect(context.withTimeout(5).withTimeout(Infinity).deadline).toBe(5);
  });

  test.for<unknown>([Number.NaN, "soon", "5", null, undefined, {}, 5n])(
    "refuses %s and leaves nothing behind",
    (timeout) => {
      const { clock, context } = root();
      const parent = context.withCancel();
      const derive = (): Context => parent.withTimeout(timeout as Duration);
      expect(derive).toThrow(expect.objectContaining({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" }));
      expect(derive).toThrow(/^timeout must be/);
      expect([clock.pending, parent.scope.head]).toEqual([0, null]);
    },
  );

  test("is over with its cancellation: no timer is left", async () => {
    const { clock, context } = root();
    const limited = context.withTimeout("1h", "of the timeout");
    expect(clock.pending).toBe(1);
    limited.cancel("by hand");
    expect([clock.pending, limited.cause]).toEqual([0, "by hand"]);
    expect(limited.reason).toBeInstanceOf(CanceledError);
    await clock.advance("2h");
    expect(limited.cause).toBe("by hand");
    expect(limited.deadline).toBe(3_600_000);
  });

  test("leaves its parent alone, and unlinks itself from it", async () => {
    const { clock, context } = root();
    const parent = context.withCancel();
    const limited = parent.withTimeout(5);
    await clock.advance(5);
    expect([limited.aborted, parent.aborted, parent.scope.head]).toEqual([true, false, null]);
  });

  test("clears the timers of the whole subtree when the parent is canceled", () => {
    const { clock, context } = root();
    const parent = context.withTimeout("1h");
    for (let index = 1; index < 10; index++)
      parent
        .withCancel()
        .withTimeout(index)
        .withTimeout(index / 2);
    expect(clock.pending).toBe(19);
    parent.cancel();
    expect(clock.pending).toBe(0);
  });

  test("takes any time longer than the platform's longest", async () => {
    const { clock, context } = root();
    const limited = context.withTimeout("1000h");
    await clock.advance("999h");
    expect(limited.aborted).toBe(false);
    await clock.advance("1h");
    expect(limited.aborted).toBe(true);
  });
});

describe("the cause of a timeout", () => {
  test.for<[unknown]>([[new Error("the report took too long")], ["slow"], [null], [0]])(
    "is what was given: %s",
    async ([cause]) => {
      const { clock, context } = root();
      const limited = context.withTimeout(5, cause);
      const child = limited.withCancel();
      await clock.advance(5);
      expect([limited.cause, child.cause]).toEqual([cause, cause]);
      expect(limited.reason!.cause).toBe(cause);
      expect(child.reason).toBe(limited.reason);
    },
  );
});

describe("nested deadlines", () => {
  test("never lie after the parent's: then it is the parent's in every respect", async () => {
    const { clock, context } = root({ start: 100 });
    const parent = context.withTimeout(10, "of the parent");
    const later = parent.withTimeout(20, "of the child");
    expect([later.deadline, later.remaining(), clock.pending]).toEqual([110, 10, 1]);
    await clock.advance(10);
    expect([later.aborted, later.cause]).toEqual([true, "of the parent"]);
    expect(later.reason).toBe(parent.reason);
  });

  test("at the same time as the parent's are the parent's", async () => {
    const { clock, context } = root();
    const parent = context.withTimeout(10, "of the parent");
    const equal = parent.withTimeout(10, "of the child");
    expect(clock.pending).toBe(1);
    await clock.advance(10);
    expect([parent.cause, equal.cause]).toEqual(["of the parent", "of the parent"]);
  });

  test("that are earlier end the child alone", async () => {
    const { clock, context } = root();
    const parent = context.withTimeout(10, "of the parent");
    const earlier = parent.withTimeout(9, "of the child");
    await clock.advance(9);
    expect([parent.aborted, earlier.aborted, earlier.cause]).toEqual([false, true, "of the child"]);
    await clock.advance(1);
    expect([parent.cause, earlier.cause]).toEqual(["of the parent", "of the child"]);
  });

  test("are measured from when they are set", async () => {
    const { clock, context } = root();
    const parent = context.withTimeout(100);
    await clock.advance(60);
    expect(parent.withTimeout(60).deadline).toBe(100);
    expect(parent.withTimeout(30).deadline).toBe(90);
    expect(parent.remaining()).toBe(40);
  });

  test("go through contexts with values and without, and end at withoutCancel()", () => {
    const { context } = root();
    const parent = context.withTimeout(100);
    expect(parent.withCancel().withCancel().deadline).toBe(100);
    expect(parent.withoutCancel().withTimeout(500).deadline).toBe(500);
  });
});

describe("withDeadline()", () => {
  test("takes a date or milliseconds since the epoch, by the clock's date", async () => {
    const start = Date.UTC(2026, 10, 23);
    const { clock, context } = root({ start });
    const [byDate, byNumber] = [context.withDeadline(new Date(start + 50), "date"), context.withDeadline(start + 50)];
    expect([byDate.deadline, byNumber.deadline]).toEqual([start + 50, start + 50]);
    expect([byDate.remaining(), byNumber.remaining()]).toEqual([50, 50]);
    await clock.advance(49);
    expect([byDate.aborted, byNumber.aborted]).toEqual([false, false]);
    await clock.advance(1);
    expect([byDate.cause, byNumber.reason instanceof DeadlineExceededError]).toEqual(["date", true]);
  });

  test("keeps the date that was given, to the millisecond", () => {
    const { context } = root({ start: 1_700_000_000_000.25 });
    expect(context.withDeadline(1_700_000_060_000).deadline).toBe(1_700_000_060_000);
  });

  test.for([[1000], [999], [0], [-5], [-Infinity], [new Date(1000)], [new Date(0)]])(
    "of %s is in the past at 1000",
    ([at]) => {
      const { clock, context } = root({ start: 1000 });
      const limited = context.withDeadline(at!);
      expect([limited.aborted, limited.remaining(), clock.pending]).toEqual([true, 0, 0]);
      expect(limited.reason).toBeInstanceOf(DeadlineExceededError);
    },
  );

  test("of Infinity sets none; later than the parent's it is the parent's", () => {
    const { clock, context } = root();
    expect(context.withDeadline(Infinity).deadline).toBe(undefined);
    expect(context.withDeadline(10).withDeadline(20).deadline).toBe(10);
    expect(clock.pending).toBe(1);
  });

  test.for<unknown>([Number.NaN, new Date("never"), null, undefined, "2026-11-23", "5", true, [], {}])(
    "refuses %s and leaves nothing behind",
    (at) => {
      const { clock, context } = root();
      const parent = context.withCancel();
      const derive = (): Context => parent.withDeadline(at as Date);
      expect(derive).toThrow(expect.objectContaining({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" }));
      expect(derive).toThrow(/^at must be a valid Date or milliseconds since the epoch; received/);
      expect([clock.pending, parent.scope.head]).toEqual([0, null]);
    },
  );
});

test("the types of deadlines", () => {
  expectTypeOf(Context.background.withTimeout).parameters.toEqualTypeOf<[timeout: Duration, cause?: unknown]>();
  expectTypeOf(Context.background.withDeadline).parameters.toEqualTypeOf<[at: Date | number, cause?: unknown]>();
  // @ts-expect-error a text is no point in time
  expect(() => Context.background.withDeadline("8s")).toThrow(RangeError);
  // @ts-expect-error a date is no length of time
  expect(() => Context.background.withTimeout(new Date())).toThrow(RangeError);
});
