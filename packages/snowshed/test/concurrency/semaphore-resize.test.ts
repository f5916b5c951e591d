// Changing the number of permits while they are held and waited for, and waiters that weigh more than there are.
import { Context, Semaphore, SnowshedError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

const oversize = { allowOversize: true };

function full(permits: number): Semaphore {
  const semaphore = new Semaphore(permits);
  semaphore.tryAcquire(permits);
  return semaphore;
}

async function statuses(waiting: readonly { readonly outcome: { readonly status: string } }[]): Promise<string[]> {
  await drained();
  return waiting.map(({ outcome }) => outcome.status);
}

describe("growing", () => {
  test("admits waiters at once, in order, as many as now fit", async () => {
    const semaphore = full(2);
    const waiting = [1, 2, 2].map((weight) => observe(semaphore.acquire(weight)));
    semaphore.resize(5);
    expect([semaphore.permits, semaphore.available, semaphore.pending]).toEqual([5, 0, 1]);
    expect(await statuses(waiting)).toEqual(["fulfilled", "fulfilled", "pending"]);
  });

  test("changes nothing for holders", () => {
    const semaphore = full(2);
    semaphore.resize(10);
    expect(semaphore.available).toBe(8);
    semaphore.release(2);
    expect(semaphore.available).toBe(10);
  });

  test("to the same size changes nothing", async () => {
    const semaphore = full(2);
    const waiting = [observe(semaphore.acquire(2)), observe(semaphore.acquire())];
    semaphore.resize(2);
    expect(await statuses(waiting)).toEqual(["pending", "pending"]);
    expect([semaphore.permits, semaphore.available, semaphore.pending]).toEqual([2, 0, 2]);
  });
});

describe("shrinking", () => {
  test("takes nothing from holders, and admits nobody until enough was given back", async () => {
    const semaphore = full(5);
    const waiting = observe(semaphore.acquire());
    semaphore.resize(2);
    expect([semaphore.permits, semaphore.available, semaphore.tryAcquire(0)]).toEqual([2, 0, false]);
    semaphore.release(3);
    expect(await statuses([waiting])).toEqual(["pending"]);
    semaphore.release();
    expect(await statuses([waiting])).toEqual(["fulfilled"]);
    expect([semaphore.available, semaphore.pending]).toEqual([0, 0]);
  });

  test("still lets holders give back all they took, and no more", () => {
    const semaphore = full(5);
    semaphore.resize(1);
    semaphore.release(5);
    expect(semaphore.available).toBe(1);
    expect(() => semaphore.release()).toThrow(SnowshedError);
  });

  test("refuses queued waiters that no longer fit, and only those", async () => {
    const semaphore = full(5);
    const waiting = [5, 1, 3, 2].map((weight) => observe(semaphore.acquire(weight)));
    semaphore.resize(2);
    expect(semaphore.pending).toBe(2);
    expect(await statuses(waiting)).toEqual(["rejected", "pending", "rejected", "pending"]);
    expect(waiting[0]!.outcome).toMatchObject({
      reason: { code: "SNOWSHED_NEVER_FITS", message: "weight 5 exceeds the 2 permits" },
    });
  });

  test("that refuses the head lets those behind it in, if they fit", async () => {
    const semaphore = new Semaphore(5);
    semaphore.tryAcquire(2);
    const waiting = [4, 1, 1].map((weight) => observe(semaphore.acquire(weight)));
    semaphore.resize(3);
    expect(await statuses(waiting)).toEqual(["rejected", "fulfilled", "pending"]);
  });

  test("clears the timer and the signal of who is refused", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const semaphore = full(2);
    const waiting = observe(semaphore.acquire(2, { signal: context, timeout: "1s" }));
    semaphore.resize(1);
    expect(clock.pending).toBe(0);
    context.cancel();
    await clock.advance("1h");
    expect(waiting.outcome).toMatchObject({ reason: { code: "SNOWSHED_NEVER_FITS" } });
    expect([semaphore.pending, semaphore.available]).toEqual([0, 0]);
  });

  test("in the tick of the grant leaves the grant", async () => {
    const semaphore = full(2);
    const context = Context.background.withCancel();
    const waiting = observe(semaphore.acquire(2, { signal: context }));
    semaphore.release(2);
    semaphore.resize(1);
    expect(await statuses([waiting])).toEqual(["fulfilled"]);
    expect(semaphore.available).toBe(0);
    semaphore.release(2);
    expect(semaphore.available).toBe(1);
  });

  test("to 0 and back is a pause that loses nobody who allowed it", async () => {
    const semaphore = full(1);
    const waiting = [observe(semaphore.acquire(1, oversize)), observe(semaphore.acquire(1, oversize))];
    semaphore.resize(0);
    semaphore.release();
    expect(await statuses(waiting)).toEqual(["pending", "pending"]);
    semaphore.resize(1);
    expect(await statuses(waiting)).toEqual(["fulfilled", "pending"]);
    semaphore.release();
    expect(await statuses(waiting)).toEqual(["fulfilled", "fulfilled"]);
  });
});

describe("a weight above all permits", () => {
  test("is refused at once, and the semaphore stays as it was", async () => {
    const semaphore = new Semaphore(2, { name: "mail" });
    const attempts: readonly Promise<unknown>[] = [
      semaphore.acquire(3),
      semaphore.permit(3),
      semaphore.run(() => {}, { weight: 3 }),
    ];
    const error = { code: "SNOWSHED_NEVER_FITS", message: 'weight 3 exceeds the 2 permits of "mail"' };
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(error);
    expect([semaphore.available, semaphore.pending]).toEqual([2, 0]);
  });

  test("is refused also behind others, and on a full semaphore", async () => {
    const semaphore = full(2);
    const waiting = [1, 3].map((weight) => observe(semaphore.acquire(weight)));
    expect(await statuses(waiting)).toEqual(["pending", "rejected"]);
  });
});

describe("a waiter that allows for being oversize", () => {
  test("stands aside and blocks nobody, at any place in the queue", async () => {
    const semaphore = full(2);
    const waiting = [9, 1, 8, 1].map((weight) => observe(semaphore.acquire(weight, oversize)));
    semaphore.release(2);
    expect(await statuses(waiting)).toEqual(["pending", "fulfilled", "pending", "fulfilled"]);
    semaphore.release();
    expect([semaphore.tryAcquire(), semaphore.pending]).toEqual([true, 2]);
  });

  test("keeps its place for the day a resize makes room", async () => {
    const semaphore = full(2);
    const order: number[] = [];
    for (const weight of [4, 2, 3]) void semaphore.acquire(weight, oversize).then(() => order.push(weight));
    semaphore.resize(5);
    for (const weight of [2, 4, 2, 3]) {
      await drained();
      semaphore.release(weight);
    }
    expect([order, semaphore.available]).toEqual([[4, 2, 3], 5]);
  });

  test("blocks those behind it as soon as it could fit", async () => {
    const semaphore = full(2);
    const waiting = [3, 1].map((weight) => observe(semaphore.acquire(weight, oversize)));
    semaphore.resize(3);
    expect(await statuses(waiting)).toEqual(["pending", "pending"]);
    expect([semaphore.available, semaphore.tryAcquire()]).toEqual([1, false]);
    semaphore.release(2);
    expect(await statuses(waiting)).toEqual(["fulfilled", "pending"]);
  });

  test("is passed once more when the semaphore shrinks below it again", async () => {
    const semaphore = full(2);
    const waiting = [3, 1].map((weight) => observe(semaphore.acquire(weight, oversize)));
    semaphore.resize(3);
    semaphore.resize(2);
    semaphore.release(2);
    expect(await statuses(waiting)).toEqual(["pending", "fulfilled"]);
  });

  test("can be canceled and can time out", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock }).withCancel();
    const semaphore = new Semaphore(1);
    const canceled = observe(semaphore.acquire(2, { ...oversize, signal: context }));
    const late = observe(semaphore.acquire(2, { ...oversize, signal: Context.root({ clock }), timeout: "1s" }));
    context.cancel();
    await clock.advance("1s");
    expect(canceled.outcome).toMatchObject({ reason: { name: "AbortError" } });
    expect(late.outcome).toMatchObject({ reason: { name: "TimeoutError" } });
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test("that no longer is oversize is not refused by the next shrink, one that never allowed it is", async () => {
    const semaphore = full(3);
    const waiting = [observe(semaphore.acquire(3, oversize)), observe(semaphore.acquire(3))];
    semaphore.resize(2);
    expect(await statuses(waiting)).toEqual(["pending", "rejected"]);
  });
});
