// Taking, queueing, giving back. Cancellation, resizing, misuse, the peers' defects and scale have files of their own.
import { AsyncLocalStorage } from "node:async_hooks";
import { Semaphore, SnowshedError } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

/** Queues one waiter a name, and notes the names in the order in which they are admitted. */
function queue(semaphore: Semaphore, weights: Readonly<Record<string, number>>): string[] {
  const admitted: string[] = [];
  for (const [name, weight] of Object.entries(weights)) void semaphore.acquire(weight).then(() => admitted.push(name));
  return admitted;
}

/** What `admitted` gains by one release. */
async function gained(semaphore: Semaphore, weight: number, admitted: readonly string[]): Promise<string[]> {
  const before = admitted.length;
  semaphore.release(weight);
  await drained();
  return admitted.slice(before);
}

describe("a free semaphore", () => {
  test("is taken without waiting, and shows what is left", async () => {
    const semaphore = new Semaphore(3, { name: "database" });
    expect([semaphore.name, semaphore.permits, semaphore.available, semaphore.pending]).toEqual(["database", 3, 3, 0]);
    await semaphore.acquire();
    await semaphore.acquire(2);
    expect([semaphore.permits, semaphore.available, semaphore.pending]).toEqual([3, 0, 0]);
  });

  test("counts the taker at the call, not when its promise is awaited", () => {
    const semaphore = new Semaphore(1);
    void semaphore.acquire();
    expect(semaphore.available).toBe(0);
    expect(semaphore.tryAcquire()).toBe(false);
  });

  test("has no name unless it is given one", () => {
    expect(new Semaphore(1).name).toBeUndefined();
  });

  test("takes its permits back in any order and in any portions", async () => {
    const semaphore = new Semaphore(10);
    await semaphore.acquire(5);
    await semaphore.acquire(2);
    await semaphore.acquire(3);
    const available = [3, 5, 1, 1].map((weight) => {
      semaphore.release(weight);
      return semaphore.available;
    });
    expect(available).toEqual([3, 8, 9, 10]);
  });
});

describe("waiters", () => {
  test("stand in the queue from the moment of the call", () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    void semaphore.acquire();
    void semaphore.acquire();
    expect(semaphore.pending).toBe(2);
  });

  test("go on only when the permit they waited for was given back", async () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const waiting = observe(semaphore.acquire());
    await drained();
    expect(waiting.outcome.status).toBe("pending");
    semaphore.release();
    await drained();
    expect(waiting.outcome).toEqual({ status: "fulfilled", value: undefined });
    expect([semaphore.available, semaphore.pending]).toEqual([0, 0]);
  });

  test("hold their permits from the release on, before their own code goes on", () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    void semaphore.acquire();
    semaphore.release();
    expect([semaphore.available, semaphore.pending, semaphore.tryAcquire()]).toEqual([0, 0, false]);
  });

  test("are served in the order they came", async () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const admitted = queue(semaphore, { a: 1, b: 1, c: 1 });
    const steps: string[][] = [];
    for (let step = 0; step < 3; step++) steps.push(await gained(semaphore, 1, admitted));
    expect(steps).toEqual([["a"], ["b"], ["c"]]);
  });

  test("follow the trace of Go's Weighted: size 3, all held, queue a2 b1 c3 d1", async () => {
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(3);
    const admitted = queue(semaphore, { a: 2, b: 1, c: 3, d: 1 });
    const trace: string[][] = [];
    for (const weight of [1, 1, 1, 2, 1, 3]) trace.push(await gained(semaphore, weight, admitted));
    expect(trace).toEqual([[], ["a"], ["b"], [], ["c"], ["d"]]);
    semaphore.release();
    expect([semaphore.available, semaphore.pending]).toEqual([3, 0]);
  });

  test("may be admitted many at once by one release, as long as the head fits", async () => {
    const semaphore = new Semaphore(5);
    semaphore.tryAcquire(5);
    const admitted = queue(semaphore, { a: 1, b: 2, c: 1, d: 2, e: 1 });
    expect(await gained(semaphore, 5, admitted)).toEqual(["a", "b", "c"]);
    expect([semaphore.available, semaphore.pending]).toEqual([1, 2]);
  });

  test("block those behind them, also when those would fit", async () => {
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(2);
    const admitted = queue(semaphore, { large: 2, small: 1 });
    await drained();
    expect([admitted, semaphore.available, semaphore.pending]).toEqual([[], 1, 2]);
  });

  test("let the smaller ones behind them in along with them, once they hold just what was released", async () => {
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(2);
    const admitted = queue(semaphore, { large: 2, small: 1, next: 1 });
    expect(await gained(semaphore, 2, admitted)).toEqual(["large", "small"]);
    expect([semaphore.available, semaphore.pending]).toEqual([0, 1]);
  });
});

describe("tryAcquire()", () => {
  test("takes all, some or nothing, and never waits", () => {
    const semaphore = new Semaphore(4);
    expect([semaphore.tryAcquire(3), semaphore.tryAcquire(2), semaphore.tryAcquire(1)]).toEqual([true, false, true]);
    expect([semaphore.tryAcquire(), semaphore.available, semaphore.pending]).toEqual([false, 0, 0]);
  });

  test("fails while anyone queues, even when it would fit, even for weight 0", () => {
    const semaphore = new Semaphore(3);
    semaphore.tryAcquire(2);
    void semaphore.acquire(2);
    expect(semaphore.available).toBe(1);
    expect([semaphore.tryAcquire(1), semaphore.tryAcquire(0)]).toEqual([false, false]);
  });

  test("fails for more than all permits, without an error", () => {
    const semaphore = new Semaphore(3);
    expect([semaphore.tryAcquire(4), semaphore.tryAcquire(Number.MAX_SAFE_INTEGER)]).toEqual([false, false]);
    expect(semaphore.available).toBe(3);
  });
});

describe("weight 0", () => {
  test("is granted at once when nobody queues, also on a full semaphore and on one of size 0", async () => {
    const full = new Semaphore(1);
    full.tryAcquire();
    const empty = new Semaphore(0);
    await full.acquire(0);
    await empty.acquire(0);
    expect([full.tryAcquire(0), empty.tryAcquire(0)]).toEqual([true, true]);
    full.release(0);
    empty.release(0);
    expect([full.available, empty.available]).toEqual([0, 0]);
  });

  test("still queues behind others, and is admitted with them", async () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const admitted = queue(semaphore, { first: 1, nothing: 0, last: 1 });
    await drained();
    expect([admitted, semaphore.pending]).toEqual([[], 3]);
    expect(await gained(semaphore, 1, admitted)).toEqual(["first", "nothing"]);
  });
});

describe("Semaphore(0)", () => {
  test("admits nobody until it is resized", async () => {
    const semaphore = new Semaphore(0);
    expect([semaphore.tryAcquire(), semaphore.permits, semaphore.available]).toEqual([false, 0, 0]);
    const waiting = observe(semaphore.acquire(1, { allowOversize: true }));
    await drained();
    expect([waiting.outcome.status, semaphore.pending]).toEqual(["pending", 1]);
    semaphore.resize(1);
    await drained();
    expect([waiting.outcome.status, semaphore.available]).toEqual(["fulfilled", 0]);
  });

  test("refuses who does not allow for a resize", async () => {
    await expect(new Semaphore(0).acquire()).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
  });
});

describe("release()", () => {
  test("of more than are held is an error that changes nothing (in Go it mints a permit)", async () => {
    const semaphore = new Semaphore(1, { name: "mail" });
    expect(() => semaphore.release()).toThrow(SnowshedError);
    await semaphore.acquire();
    expect(() => semaphore.release(2)).toThrow(expect.objectContaining({ code: "SNOWSHED_OVER_RELEASE" }));
    expect(() => semaphore.release(2)).toThrow(/released 2 of the 1 permits of "mail", of which only 1 are held/);
    expect(semaphore.available).toBe(0);
    semaphore.release();
    expect([semaphore.available, semaphore.tryAcquire(), semaphore.tryAcquire()]).toEqual([1, true, false]);
  });

  test("of more than are held wakes no waiter", async () => {
    const semaphore = new Semaphore(2);
    semaphore.tryAcquire(2);
    const waiting = observe(semaphore.acquire());
    expect(() => semaphore.release(3)).toThrow(SnowshedError);
    await drained();
    expect([waiting.outcome.status, semaphore.pending]).toEqual(["pending", 1]);
  });
});

describe("run()", () => {
  test("begins the task before it returns when there is room", () => {
    const semaphore = new Semaphore(1);
    let available = -1;
    void semaphore.run(() => {
      available = semaphore.available;
    });
    expect(available).toBe(0);
  });

  test("gives what the task gives, and the permits back only when the task has ended", async () => {
    const semaphore = new Semaphore(3);
    const body = deferred<string>();
    const result = semaphore.run(() => body.promise, { weight: 2 });
    await drained();
    expect(semaphore.available).toBe(1);
    body.resolve("done");
    expect(await result).toBe("done");
    expect(semaphore.available).toBe(3);
  });

  test("gives the permits back when the task throws or rejects, with its error untouched", async () => {
    const semaphore = new Semaphore(1);
    const error = new Error("of the task");
    const throwing = semaphore.run(() => {
      throw error;
    });
    expect(await outcome(throwing)).toEqual({ status: "rejected", reason: error });
    expect(await outcome(semaphore.run(() => Promise.reject(undefined)))).toEqual({
      status: "rejected",
      reason: undefined,
    });
    expect(semaphore.available).toBe(1);
  });

  test("takes tasks that return any thenable", async () => {
    const thenable: PromiseLike<number> = { then: (resolve) => Promise.resolve(7).then(resolve) };
    expect(await new Semaphore(1).run(() => thenable)).toBe(7);
  });

  test("queues in turn with acquire()", async () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const order: string[] = [];
    void semaphore.run(() => order.push("run"));
    void semaphore.acquire().then(() => order.push("acquire"));
    semaphore.release();
    await drained();
    expect(order).toEqual(["run", "acquire"]);
  });

  test("rejects without running the task when it cannot be admitted", async () => {
    const semaphore = new Semaphore(1);
    let ran = false;
    const refused = semaphore.run(() => (ran = true), { weight: 2 });
    await expect(refused).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    expect([ran, semaphore.available]).toEqual([false, 1]);
  });
});

describe("permit()", () => {
  test("knows its weight and gives it back once, however often it is asked", async () => {
    const semaphore = new Semaphore(3);
    const permit = await semaphore.permit(2);
    expect([permit.weight, semaphore.available]).toEqual([2, 1]);
    permit.release();
    permit.release();
    permit[Symbol.dispose]();
    expect(semaphore.available).toBe(3);
  });

  test("is given back by disposal", async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.permit();
    permit[Symbol.dispose]();
    permit.release();
    expect(semaphore.available).toBe(1);
  });

  test("given back in any order, wakes waiters as a release does", async () => {
    const semaphore = new Semaphore(2);
    const first = await semaphore.permit();
    const second = await semaphore.permit();
    const third = observe(semaphore.permit());
    second.release();
    await drained();
    expect(third.outcome.status).toBe("fulfilled");
    first.release();
    expect(semaphore.available).toBe(1);
  });
});

describe("AsyncLocalStorage", () => {
  test("a task that queued sees the store of whoever submitted it, not that of whoever released", async () => {
    const storage = new AsyncLocalStorage<string>();
    const semaphore = new Semaphore(1);
    const seen: (string | undefined)[] = [];
    await storage.run("holder", () => semaphore.acquire());
    const tasks = ["a", "b"].map((name) =>
      storage.run(name, () => semaphore.run(() => void seen.push(storage.getStore()))),
    );
    storage.run("holder", () => semaphore.release());
    await Promise.all(tasks);
    expect(seen).toEqual(["a", "b"]);
  });
});
