// Holders that are named: acquire(), tryAcquire(), permit(), release() and run() with { owner }; misuse; types; leaks.
import { getEventListeners } from "node:events";
import type { OwnerOptions, Permit, Semaphore } from "snowshed";
import { Context, ReentrantSemaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained, observe, outcome } from "../support/promises.ts";

const owner = "request 1";
const other = "request 2";
const overRelease = expect.objectContaining({ code: "SNOWSHED_OVER_RELEASE" }) as Error;
const state = ({ available, pending }: ReentrantSemaphore): readonly number[] => [available, pending];

describe("a named owner", () => {
  test.each<readonly [string, OwnerOptions["owner"], OwnerOptions["owner"]]>([
    ["objects are told apart by identity", {}, {}],
    ["symbols are told apart by identity", Symbol("same"), Symbol("same")],
    ["texts are told apart by their letters", "a", "b"],
    ["the empty text is an owner", "", "a"],
    ["functions are objects", () => {}, () => {}],
  ])("%s", async (_name, one, two) => {
    const lock = new ReentrantSemaphore(1);
    await lock.acquire(1, { owner: one });
    expect([lock.tryAcquire(1, { owner: one }), lock.tryAcquire(1, { owner: two })]).toEqual([true, false]);
  });

  test("acquires again without waiting and without taking more, and gives back with the last release", async () => {
    const semaphore = new ReentrantSemaphore(3);
    await semaphore.acquire(2, { owner });
    await semaphore.acquire(1, { owner });
    await semaphore.acquire(2, { owner });
    const waiting = observe(semaphore.acquire(3, { owner: other }));
    const seen = [2, 1, 1].map((weight) => {
      semaphore.release(weight, { owner });
      return semaphore.available;
    });
    expect([seen, semaphore.pending]).toEqual([[1, 1, 1], 1]);
    semaphore.release(1, { owner });
    await drained();
    expect([waiting.outcome.status, ...state(semaphore)]).toEqual(["fulfilled", 0, 0]);
  });

  test("holds from the call on: what it calls before it awaits does not wait for itself", async () => {
    const lock = new ReentrantSemaphore(1);
    const both = observe(Promise.all([lock.acquire(1, { owner }), lock.acquire(1, { owner })]));
    expect([lock.tryAcquire(1, { owner }), ...state(lock)]).toEqual([true, 0, 0]);
    await drained();
    expect(both.outcome.status).toBe("fulfilled");
    for (let count = 0; count < 3; count++) lock.release(1, { owner });
    expect(state(lock)).toEqual([1, 0]);
  });

  test("may wait twice at a time, and then holds the permits of both", async () => {
    const semaphore = new ReentrantSemaphore(2);
    await semaphore.acquire(2, { owner: other });
    const both = observe(Promise.all([semaphore.acquire(1, { owner }), semaphore.acquire(1, { owner })]));
    semaphore.release(2, { owner: other });
    await drained();
    expect([both.outcome.status, ...state(semaphore)]).toEqual(["fulfilled", 0, 0]);
    semaphore.release(1, { owner });
    expect(semaphore.available).toBe(0);
    semaphore.release(1, { owner });
    expect(semaphore.available).toBe(2);
  });

  test("is a new one for everybody once it has released all", async () => {
    const lock = new ReentrantSemaphore(1);
    await lock.acquire(1, { owner });
    lock.release(1, { owner });
    await lock.acquire(1, { owner: other });
    expect(lock.tryAcquire(1, { owner })).toBe(false);
  });

  test("may acquire more than it holds neither by waiting nor by trying", async () => {
    const semaphore = new ReentrantSemaphore(5);
    await semaphore.acquire(2, { owner });
    await expect(semaphore.acquire(3, { owner })).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    expect([semaphore.tryAcquire(3, { owner }), semaphore.available]).toEqual([false, 3]);
  });

  test("of weight 0 holds nothing, and may acquire more than that", async () => {
    const semaphore = new ReentrantSemaphore(1);
    await semaphore.acquire(0, { owner });
    await semaphore.acquire(1, { owner });
    semaphore.release(1, { owner });
    semaphore.release(0, { owner });
    expect(state(semaphore)).toEqual([1, 0]);
  });

  test("is the same in run() and in the other methods", async () => {
    const lock = new ReentrantSemaphore(1);
    await lock.acquire(1, { owner });
    const seen = await lock.run(() => lock.run(() => lock.tryAcquire(1, { owner }), { owner }), { owner });
    lock.release(1, { owner });
    expect([seen, lock.available]).toEqual([true, 0]);
    lock.release(1, { owner });
    expect(lock.available).toBe(1);
  });

  test("is not passed on to a nested run() without it: that one is a holder of its own, and waits", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock });
    const lock = new ReentrantSemaphore(1);
    const nested = observe(lock.run(() => lock.run(() => {}, { signal, timeout: "1s" }), { owner }));
    await clock.advance("1s");
    expect(nested.outcome).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    expect(state(lock)).toEqual([1, 0]);
  });

  test("keeps what it holds while the semaphore shrinks below it, and may still enter", async () => {
    const semaphore = new ReentrantSemaphore(3);
    await semaphore.acquire(3, { owner });
    semaphore.resize(1);
    expect([semaphore.tryAcquire(2, { owner }), ...state(semaphore)]).toEqual([true, 0, 0]);
    semaphore.release(5, { owner });
    expect(state(semaphore)).toEqual([1, 0]);
  });
});

describe("permit()", () => {
  test("gives back its weight once, and all permits with the last one", async () => {
    const semaphore = new ReentrantSemaphore(2);
    const first = await semaphore.permit(2, { owner });
    const second = await semaphore.permit(1, { owner });
    first.release();
    first.release();
    first[Symbol.dispose]();
    expect([first.weight, second.weight, semaphore.available]).toEqual([2, 1, 0]);
    second[Symbol.dispose]();
    expect(semaphore.available).toBe(2);
  });

  test("belongs to the owner it was made for, whatever becomes of the options", async () => {
    const lock = new ReentrantSemaphore(1);
    const options: { owner: string } = { owner };
    const permit = await lock.permit(1, options);
    options.owner = other;
    permit.release();
    expect(lock.available).toBe(1);
  });
});

describe("release()", () => {
  test("by somebody who holds nothing is an error, also while others hold", async () => {
    const lock = new ReentrantSemaphore(1);
    expect(() => lock.release(1, { owner })).toThrow(overRelease);
    await lock.acquire(1, { owner });
    expect(() => lock.release(1, { owner: other })).toThrow(overRelease);
    expect(lock.available).toBe(0);
    lock.release(1, { owner });
  });

  test("of more than the owner acquired is an error, and changes nothing", async () => {
    const semaphore = new ReentrantSemaphore(3);
    await semaphore.acquire(2, { owner });
    await semaphore.acquire(1, { owner });
    await semaphore.acquire(1, { owner: other });
    expect(() => semaphore.release(4, { owner })).toThrow("released 4 of the 3 units that this owner holds");
    semaphore.release(3, { owner });
    expect(semaphore.available).toBe(2);
  });
});

describe("misuse", () => {
  const noOwner = { code: "SNOWSHED_NO_OWNER" };
  const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };

  test.each([undefined, {}, { owner: undefined }, { owner: null }, { owner: 7 }])(
    "%j names no owner",
    async (given) => {
      const options = given as OwnerOptions;
      const semaphore = new ReentrantSemaphore(1);
      await expect(semaphore.acquire(1, options)).rejects.toMatchObject(noOwner);
      await expect(semaphore.permit(1, options)).rejects.toMatchObject(noOwner);
      expect(() => semaphore.tryAcquire(1, options)).toThrow(expect.objectContaining(noOwner));
      expect(() => semaphore.release(1, options)).toThrow(expect.objectContaining(noOwner));
      expect(state(semaphore)).toEqual([1, 0]);
    },
  );

  test("of run(): an owner that is none is refused, and the task does not run", async () => {
    const semaphore = new ReentrantSemaphore(1);
    let ran = false;
    const refused = semaphore.run(() => (ran = true), { owner: 7 as unknown as string });
    await expect(refused).rejects.toMatchObject(noOwner);
    await expect(semaphore.run(7 as unknown as () => void)).rejects.toMatchObject(invalid);
    expect([ran, ...state(semaphore)]).toEqual([false, 1, 0]);
  });

  test.each([Number.NaN, 0.5, -1, 2 ** 53, "1", 1n])("%p is no weight, for a holder as for others", async (value) => {
    const weight = value as number;
    const semaphore = new ReentrantSemaphore(3);
    await semaphore.acquire(2, { owner });
    for (const who of [owner, other]) {
      await expect(semaphore.acquire(weight, { owner: who })).rejects.toMatchObject(invalid);
      await expect(semaphore.run(() => {}, { weight, owner: who })).rejects.toMatchObject(invalid);
      expect(() => semaphore.tryAcquire(weight, { owner: who })).toThrow(expect.objectContaining(invalid));
      expect(() => semaphore.release(weight, { owner: who })).toThrow(expect.objectContaining(invalid));
    }
    expect(() => new ReentrantSemaphore(weight)).toThrow(expect.objectContaining(invalid));
    expect(() => semaphore.resize(weight)).toThrow(expect.objectContaining(invalid));
    semaphore.release(2, { owner });
    expect([semaphore.permits, ...state(semaphore)]).toEqual([3, 3, 0]);
  });

  test("of the options is found at the door, by a holder, too", async () => {
    const semaphore = new ReentrantSemaphore(1);
    for (let round = 0; round < 2; round++) {
      await expect(semaphore.acquire(1, { owner, timeout: Number.NaN })).rejects.toMatchObject(invalid);
      await expect(semaphore.acquire(1, { owner, signal: 1 as unknown as Context })).rejects.toMatchObject(invalid);
      await semaphore.acquire(1, { owner });
    }
    semaphore.release(2, { owner });
    expect(semaphore.available).toBe(1);
  });

  test("of weight against size is refused, unless a resize may make room", async () => {
    const semaphore = new ReentrantSemaphore(1);
    await expect(semaphore.acquire(2, { owner })).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    const waiting = observe(semaphore.acquire(2, { owner, allowOversize: true }));
    semaphore.resize(2);
    await drained();
    expect([waiting.outcome.status, semaphore.available]).toEqual(["fulfilled", 0]);
  });
});

describe("cancellation", () => {
  test("refuses a holder whose signal is aborted already", async () => {
    const lock = new ReentrantSemaphore(1);
    await lock.acquire(1, { owner });
    const context = Context.background.withCancel();
    context.cancel();
    expect(await outcome(lock.acquire(1, { owner, signal: context }))).toEqual({
      status: "rejected",
      reason: context.reason,
    });
    lock.release(1, { owner });
    expect(lock.available).toBe(1);
  });

  test("puts one listener on a native signal, and takes it away", async () => {
    const { signal } = new AbortController();
    const lock = new ReentrantSemaphore(1);
    await lock.acquire(1, { owner });
    const waits = [1, 2, 3].map((count) => lock.acquire(1, { owner: `waiter ${count}`, signal }));
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    lock.release(1, { owner });
    for (const [place, wait] of waits.entries()) {
      await wait;
      lock.release(1, { owner: `waiter ${place + 1}` });
    }
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("what stays behind", () => {
  async function forgets(release: boolean): Promise<boolean> {
    const lock = new ReentrantSemaphore(1);
    const gone = await collected(async () => {
      const who = { request: new Uint8Array(10) };
      await lock.acquire(1, { owner: who });
      if (release) lock.release(1, { owner: who });
      return new WeakRef(who);
    });
    expect(lock.available).toBe(release ? 1 : 0);
    return gone;
  }

  test("of an owner that has released is nothing", async () => {
    expect(await forgets(true)).toBe(true);
  });

  test("of an owner that holds is the owner: the check would see a leak", async () => {
    expect(await forgets(false)).toBe(false);
  });
});

describe("the types", () => {
  test("ask for an owner where it cannot be known, and have the surface of a semaphore otherwise", () => {
    expectTypeOf<OwnerOptions["owner"]>().toEqualTypeOf<object | symbol | string>();
    // Two members are for the rest of the package, and stripped from the declarations.
    expectTypeOf<keyof Omit<ReentrantSemaphore, "semaphore">>().toEqualTypeOf<keyof Omit<Semaphore, "refuse">>();
    expectTypeOf(ReentrantSemaphore.prototype.permit).returns.toEqualTypeOf<Promise<Permit>>();
    const never = (lock: ReentrantSemaphore): void => {
      expectTypeOf(lock.run(async () => 1)).toEqualTypeOf<Promise<number>>();
      // @ts-expect-error a number is no owner
      void lock.acquire(1, { owner: 1 });
      // @ts-expect-error options without an owner
      void lock.acquire(1, { timeout: 1 });
    };
    expectTypeOf(never).toBeFunction();
  });
});
