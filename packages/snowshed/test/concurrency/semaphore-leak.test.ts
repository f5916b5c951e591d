// What is left of a wait that is over: nothing, however long the semaphore, the context and the timer live on.
import type { CancelContext } from "snowshed";
import { Context, Semaphore } from "snowshed";
import { describe, expect, test } from "vitest";
import { collected } from "../support/garbage.ts";
import { drained, observe } from "../support/promises.ts";

function full(): Semaphore {
  const semaphore = new Semaphore(1);
  semaphore.tryAcquire();
  return semaphore;
}

/** What ends a wait. */
type End = (semaphore: Semaphore, other: CancelContext) => void;

/**
 * Whether what the continuation of a wait holds is collected while the semaphore, the context and its other waits live on.
 */
async function leavesNothing(end: End): Promise<boolean> {
  const semaphore = full();
  const context = Context.background.withCancel();
  const bystander = full();
  const other = observe(bystander.acquire(1, { signal: context }));
  const gone = await collected(async () => {
    const own = context.withCancel();
    const payload = { bytes: new Uint8Array(10) };
    const settle = (): number => payload.bytes.length;
    void semaphore.acquire(1, { signal: own, timeout: "1h" }).then(settle, settle);
    end(semaphore, own);
    await drained();
    return new WeakRef(payload);
  });
  // Used after the collection, so they were alive during it. Also clears the timer of a wait that was left.
  semaphore.resize(0);
  context.cancel();
  await drained();
  expect([semaphore.pending, bystander.pending, other.outcome.status]).toEqual([0, 0, "rejected"]);
  return gone;
}

describe("what stays behind", () => {
  test.each<readonly [string, End]>([
    ["canceled", (_semaphore, context) => context.cancel()],
    ["granted", (semaphore) => semaphore.release()],
    ["refused by a shrink", (semaphore) => semaphore.resize(0)],
    [
      "granted and canceled in one tick",
      (semaphore, context) => {
        semaphore.release();
        context.cancel();
      },
    ],
  ])("of a wait that was %s is nothing", async (_end, end) => {
    expect(await leavesNothing(end)).toBe(true);
  });

  test("of a wait that goes on is the wait: the check would see a leak", async () => {
    expect(await leavesNothing(() => {})).toBe(false);
  });

  test("of a waiter that left does not hold those that stood beside it", async () => {
    const semaphore = full();
    const contexts = [1, 2, 3].map(() => Context.background.withCancel());
    const gone = await collected(async () => {
      const payload = { bytes: new Uint8Array(10) };
      const waits = contexts.map((signal) => semaphore.acquire(1, { signal }).catch(() => payload.bytes));
      for (const context of contexts) context.cancel();
      await Promise.all(waits);
      return new WeakRef(payload);
    });
    expect(gone).toBe(true);
    expect([contexts.every(({ aborted }) => aborted), semaphore.pending]).toEqual([true, 0]);
  });
});

describe("a semaphore that is forgotten", () => {
  test("is collected with all who wait for it, unless a signal or a timer that lives on knows of one", async () => {
    const context = Context.background.withCancel();
    const make = (signal?: Context): WeakRef<Semaphore> => {
      const semaphore = full();
      void observe(semaphore.acquire(1, { signal }));
      return new WeakRef(semaphore);
    };
    expect(await collected(() => make())).toBe(true);
    expect(await collected(() => make(context))).toBe(false);
    context.cancel();
  });
});
