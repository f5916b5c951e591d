// Arguments that make no sense, and what the types accept: refused at the door, with the object left as it was.
import type { Duration, Permit } from "snowshed";
import { Context, Semaphore } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };
const notCounts: readonly (readonly [string, unknown, typeof RangeError | typeof TypeError])[] = [
  ["NaN", Number.NaN, RangeError],
  ["a fraction", 1.5, RangeError],
  ["a negative", -1, RangeError],
  ["an unsafe integer", 2 ** 53, RangeError],
  ["Infinity", Number.POSITIVE_INFINITY, RangeError],
  ["a text", "1", TypeError],
  ["null", null, TypeError],
  ["a bigint", 1n, TypeError],
  ["true", true, TypeError],
  ["an object", { valueOf: () => 1 }, TypeError],
];

/** What a call throws or rejects with. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    const result = await outcome(Promise.resolve(call()));
    return result.status === "rejected" ? result.reason : `${result.status}; want an error`;
  } catch (error) {
    return error;
  }
}

/** A semaphore in use: 2 of 3 permits held, and a waiter for 2. */
function inUse(): { readonly semaphore: Semaphore; readonly state: () => readonly unknown[] } {
  const semaphore = new Semaphore(3);
  semaphore.tryAcquire(2);
  const waiting = observe(semaphore.acquire(2));
  const state = (): readonly unknown[] => {
    const { permits, available, pending } = semaphore;
    return [permits, available, pending, waiting.outcome.status];
  };
  return { semaphore, state };
}

describe.each(notCounts)("%s is not a number of permits:", (_name, value, expected) => {
  const count = value as number;

  test("no semaphore is made with it", () => {
    expect(() => new Semaphore(count)).toThrow(expected);
    expect(() => new Semaphore(count)).toThrow(expect.objectContaining(invalid));
  });

  test.each<readonly [string, (semaphore: Semaphore) => unknown]>([
    ["tryAcquire", (semaphore) => semaphore.tryAcquire(count)],
    ["acquire", (semaphore) => semaphore.acquire(count)],
    ["acquire with options", (semaphore) => semaphore.acquire(count, { allowOversize: true })],
    ["acquire with an aborted signal", (semaphore) => semaphore.acquire(count, { signal: AbortSignal.abort() })],
    ["release", (semaphore) => semaphore.release(count)],
    ["permit", (semaphore) => semaphore.permit(count)],
    ["resize", (semaphore) => semaphore.resize(count)],
    // As for any option, null counts as not given there.
    ["run", (semaphore) => semaphore.run(() => {}, { weight: count ?? ("null" as unknown as number) })],
  ])("%s refuses it and changes nothing", async (_method, call) => {
    const { semaphore, state } = inUse();
    const before = state();
    const error = await failure(() => call(semaphore));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject(invalid);
    await drained();
    expect(state()).toEqual(before);
  });
});

describe("the message", () => {
  test("names the argument, what it must be, and what was received", () => {
    const message = 'weight must be an integer of at least 0; received "2" (string)';
    expect(() => new Semaphore(3).tryAcquire("2" as unknown as number)).toThrow(message);
    expect(() => new Semaphore(-1)).toThrow("permits must be an integer of at least 0; received -1 (number)");
  });
});

describe("the options", () => {
  test.each<readonly [string, unknown]>([
    ["NaN", Number.NaN],
    ["a text without unit", "10"],
    ["an unknown unit", "10 days"],
    ["null", null],
    ["an object", {}],
  ])("a timeout that is %s is refused, also when there is room", async (_name, timeout) => {
    const semaphore = new Semaphore(1);
    expect(await failure(() => semaphore.acquire(1, { timeout: timeout as Duration }))).toMatchObject(invalid);
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test.each<readonly [string, unknown]>([
    ["null", null],
    ["a text", "signal"],
    ["an object", {}],
  ])("a signal that is %s is refused, also when there is room", async (_name, signal) => {
    const semaphore = new Semaphore(1);
    const error = await failure(() => semaphore.acquire(1, { signal: signal as AbortSignal }));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject(invalid);
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test("undefined is the same as not given", async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire(undefined, { signal: undefined, timeout: undefined, allowOversize: undefined });
    await semaphore.run(() => {}, { weight: undefined, signal: undefined });
    expect(semaphore.available).toBe(1);
  });
});

describe("run()", () => {
  test.each<readonly [string, unknown]>([
    ["undefined", undefined],
    ["a promise", Promise.resolve()],
    ["an object", {}],
  ])("refuses a task that is %s at once, also on a full semaphore", async (_name, task) => {
    const { semaphore, state } = inUse();
    const before = state();
    const error = await failure(() => semaphore.run(task as () => void));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject(invalid);
    expect(state()).toEqual(before);
  });

  test("says so when the task gave back what run() holds for it", async () => {
    const semaphore = new Semaphore(1);
    const error = await failure(() => semaphore.run(() => semaphore.release()));
    expect(error).toMatchObject({ code: "SNOWSHED_OVER_RELEASE" });
    expect(semaphore.available).toBe(1);
  });
});

describe("the largest numbers", () => {
  test("are exact: 2^53 - 1 permits can be taken and given back one by one", async () => {
    const permits = Number.MAX_SAFE_INTEGER;
    const semaphore = new Semaphore(permits);
    await semaphore.acquire(permits - 1);
    expect([semaphore.available, semaphore.tryAcquire(2), semaphore.tryAcquire(permits)]).toEqual([1, false, false]);
    expect([semaphore.tryAcquire(), semaphore.tryAcquire(), semaphore.available]).toEqual([true, false, 0]);
    semaphore.release(permits);
    expect(semaphore.available).toBe(permits);
  });
});

describe("the types", () => {
  test("give what the task gives, awaited", () => {
    const semaphore = new Semaphore(1);
    expectTypeOf(semaphore.run(() => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(semaphore.run(async () => "a")).toEqualTypeOf<Promise<string>>();
    expectTypeOf(semaphore.run((): number | Promise<number> => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(semaphore.acquire()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(semaphore.permit()).toEqualTypeOf<Promise<Permit>>();
    expectTypeOf(semaphore.tryAcquire()).toEqualTypeOf<boolean>();
    expectTypeOf<Permit>().toExtend<Disposable>();
  });

  test("take a Context where they take an AbortSignal, and durations as text", () => {
    expectTypeOf(Semaphore.prototype.acquire)
      .parameter(1)
      .toExtend<{ signal?: AbortSignal | Context | undefined; timeout?: Duration | undefined } | undefined>();
    const never = (semaphore: Semaphore): void => {
      void semaphore.acquire(1, { signal: Context.background, timeout: "3s", allowOversize: true });
      // @ts-expect-error a number of permits is needed
      void new Semaphore();
      // @ts-expect-error weights are numbers
      void semaphore.acquire("1");
      // @ts-expect-error days are no unit
      void semaphore.acquire(1, { timeout: "3d" });
      // @ts-expect-error an AbortController is no signal
      void semaphore.acquire(1, { signal: new AbortController() });
      // @ts-expect-error misspelt option
      void semaphore.run(() => {}, { weigth: 2 });
      // @ts-expect-error read only: resize() changes it
      semaphore.permits = 3;
      // @ts-expect-error a permit cannot be made heavier
      void semaphore.permit().then((permit) => (permit.weight = 2));
    };
    expectTypeOf(never).toBeFunction();
  });
});
