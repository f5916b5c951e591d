// Who holds, and who else may: holders known by run(). Explicit owners and misuse have files of their own.
import { AsyncLocalStorage } from "node:async_hooks";
import { Context, DeadlineExceededError, ReentrantSemaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe } from "../support/promises.ts";

const state = ({ available, pending }: ReentrantSemaphore): readonly number[] => [available, pending];

describe("between different holders", () => {
  test("it is a semaphore: strict FIFO, by weight", async () => {
    const semaphore = new ReentrantSemaphore(2, { name: "ledger" });
    const end = deferred();
    const order: string[] = [];
    const run = (name: string, weight: number): Promise<void> =>
      semaphore.run(
        () => {
          order.push(name);
          return end.promise;
        },
        { weight },
      );
    void run("a", 1);
    void run("b", 2);
    void run("c", 1);
    await drained();
    expect([semaphore.name, semaphore.permits, ...state(semaphore), order]).toEqual(["ledger", 2, 1, 2, ["a"]]);
    end.resolve();
    await drained();
    expect([order, ...state(semaphore)]).toEqual([["a", "b", "c"], 2, 0]);
  });

  test("two calls from the same place that are not nested exclude each other", async () => {
    const lock = new ReentrantSemaphore(1);
    let alive = 0;
    const body = async (): Promise<number> => {
      const now = ++alive;
      await drained();
      alive--;
      return now;
    };
    expect(await Promise.all([lock.run(body), lock.run(body), lock.run(body)])).toEqual([1, 1, 1]);
  });

  test("resize() works as for a semaphore", async () => {
    const semaphore = new ReentrantSemaphore(0);
    const waiting = observe(semaphore.run(() => "in", { allowOversize: true }));
    await drained();
    expect(state(semaphore)).toEqual([0, 1]);
    semaphore.resize(1);
    await drained();
    expect([waiting.outcome, ...state(semaphore)]).toEqual([{ status: "fulfilled", value: "in" }, 1, 0]);
  });
});

describe("a nested run()", () => {
  test("enters at once, at any depth, where a plain semaphore would wait for itself for ever", async () => {
    const lock = new ReentrantSemaphore(1);
    const depth = async (left: number): Promise<number> =>
      left === 0 ? lock.available : lock.run(async () => (await depth(left - 1)) - 1);
    expect(await depth(50)).toBe(-50);
    expect(state(lock)).toEqual([1, 0]);
  });

  test("enters also past those who queue: it would be them that it waits for", async () => {
    const lock = new ReentrantSemaphore(1);
    const order: string[] = [];
    const outer = lock.run(async () => {
      await drained();
      await lock.run(() => order.push("nested"));
    });
    const other = lock.run(() => order.push("other"));
    await Promise.all([outer, other]);
    expect(order).toEqual(["nested", "other"]);
  });

  test("takes no more permits, and gives none back before the outer ends", async () => {
    const semaphore = new ReentrantSemaphore(5);
    const seen: number[] = [];
    await semaphore.run(
      async () => {
        await semaphore.run(() => void seen.push(semaphore.available), { weight: 2 });
        seen.push(semaphore.available);
      },
      { weight: 3 },
    );
    expect([seen, semaphore.available]).toEqual([[2, 2], 5]);
  });

  test("of a larger weight than is held is refused: two that wait for more would wait for each other", async () => {
    const semaphore = new ReentrantSemaphore(5);
    await semaphore.run(
      async () => {
        let ran = false;
        const larger = semaphore.run(() => (ran = true), { weight: 3 });
        await expect(larger).rejects.toMatchObject({
          code: "SNOWSHED_NEVER_FITS",
          message: "weight 3 exceeds the 2 permits that its owner holds already",
        });
        expect([ran, semaphore.available]).toEqual([false, 3]);
      },
      { weight: 2 },
    );
    expect(semaphore.available).toBe(5);
  });

  test("of one semaphore does not enter another", async () => {
    const first = new ReentrantSemaphore(1);
    const second = new ReentrantSemaphore(1);
    const end = deferred();
    const holder = second.run(() => end.promise);
    const inner = observe(first.run(() => second.run(() => "in")));
    await drained();
    expect([inner.outcome.status, second.pending]).toEqual(["pending", 1]);
    end.resolve();
    await holder;
    await drained();
    expect(inner.outcome).toEqual({ status: "fulfilled", value: "in" });
  });

  test("with a signal that is aborted is refused, also by its holder", async () => {
    const lock = new ReentrantSemaphore(1);
    const signal = AbortSignal.abort("over");
    await lock.run(async () => {
      await expect(lock.run(() => "ran", { signal })).rejects.toMatchObject({ cause: "over" });
    });
    expect(state(lock)).toEqual([1, 0]);
  });

  test("shares the permits in parallel branches, which end in any order", async () => {
    const lock = new ReentrantSemaphore(1);
    const ends = [deferred(), deferred(), deferred()];
    const outer = lock.run(() => Promise.all(ends.map(({ promise }) => lock.run(() => promise))));
    const other = observe(lock.run(() => "other"));
    for (const place of [2, 0, 1]) {
      await drained();
      expect([other.outcome.status, ...state(lock)]).toEqual(["pending", 0, 1]);
      ends[place]!.resolve();
    }
    await outer;
    await drained();
    expect([other.outcome.status, ...state(lock)]).toEqual(["fulfilled", 1, 0]);
  });

  test("of weight 0 in one of weight 0 takes and gives back nothing", async () => {
    const semaphore = new ReentrantSemaphore(1);
    const nothing = { weight: 0 };
    expect(await semaphore.run(() => semaphore.run(() => "in", nothing), nothing)).toBe("in");
    expect(await semaphore.run(() => semaphore.run(() => semaphore.available), nothing)).toBe(0);
    expect(state(semaphore)).toEqual([1, 0]);
  });
});

describe("an error", () => {
  test("of a nested task comes through unchanged and leaves nothing held", async () => {
    const lock = new ReentrantSemaphore(1);
    const error = new Error("inner");
    const failing = lock.run(() =>
      lock.run(() => {
        throw error;
      }),
    );
    await expect(failing).rejects.toBe(error);
    expect(state(lock)).toEqual([1, 0]);
  });

  test("that the outer task catches leaves the outer holding", async () => {
    const lock = new ReentrantSemaphore(1);
    const seen = await lock.run(async () => {
      await lock.run(() => Promise.reject(new Error("inner"))).catch(() => {});
      return lock.available;
    });
    expect([seen, ...state(lock)]).toEqual([0, 1, 0]);
  });
});

describe("a task that escapes its run()", () => {
  test("and is inside a nested run() keeps the permits until that has ended", async () => {
    const lock = new ReentrantSemaphore(1);
    const end = deferred();
    await lock.run(() => void lock.run(() => end.promise));
    expect(state(lock)).toEqual([0, 0]);
    const other = observe(lock.run(() => "other"));
    await drained();
    expect(other.outcome.status).toBe("pending");
    end.resolve();
    await drained();
    expect([other.outcome.status, ...state(lock)]).toEqual(["fulfilled", 1, 0]);
  });

  test("and is inside a nested run() of weight 0 keeps nothing, and its end is no error", async () => {
    const lock = new ReentrantSemaphore(1);
    const end = deferred();
    let nested: Promise<string> | undefined;
    await lock.run(() => {
      nested = lock.run(() => end.promise.then(() => "ended"), { weight: 0 });
    });
    expect(state(lock)).toEqual([1, 0]);
    end.resolve();
    expect(await nested).toBe("ended");
    expect(state(lock)).toEqual([1, 0]);
  });

  test("and enters after that has ended waits like everybody else", async () => {
    const lock = new ReentrantSemaphore(1);
    const later = deferred();
    let escaped: Promise<string> | undefined;
    await lock.run(() => {
      escaped = later.promise.then(() => lock.run(() => "escaped"));
    });
    const end = deferred();
    const holder = lock.run(() => end.promise);
    later.resolve();
    await drained();
    expect(state(lock)).toEqual([0, 1]);
    end.resolve();
    await holder;
    expect(await escaped).toBe("escaped");
    expect(state(lock)).toEqual([1, 0]);
  });

  test("does not make one holder of all it starts afterwards, such as the requests of a server it opened", async () => {
    const lock = new ReentrantSemaphore(1);
    const arrivals = [deferred(), deferred(), deferred()];
    const end = deferred();
    let alive = 0;
    let requests: readonly Promise<void>[] = [];
    const body = async (): Promise<void> => {
      alive++;
      await end.promise;
      alive--;
    };
    await lock.run(() => {
      requests = arrivals.map(({ promise }) => promise.then(() => lock.run(body)));
    });
    for (const arrival of arrivals) {
      arrival.resolve();
      await drained();
    }
    expect([alive, ...state(lock)]).toEqual([1, 0, 2]);
    end.resolve();
    await Promise.all(requests);
    expect([alive, ...state(lock)]).toEqual([0, 1, 0]);
  });
});

describe("waiting to enter", () => {
  test("can be canceled, and can time out, without any trace", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const lock = new ReentrantSemaphore(1);
    const end = deferred();
    const holder = lock.run(() => end.promise);
    const context = root.withCancel();
    const canceled = observe(lock.run(() => "ran", { signal: context }));
    const late = observe(lock.run(() => "ran", { signal: root, timeout: "1s" }));
    context.cancel();
    await clock.advance("1s");
    expect(canceled.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect((late.outcome as { reason?: unknown }).reason).toBeInstanceOf(DeadlineExceededError);
    expect([...state(lock), clock.pending]).toEqual([0, 0, 0]);
    end.resolve();
    await holder;
    expect(state(lock)).toEqual([1, 0]);
  });

  test("and granted and canceled in one tick gives the permits back", async () => {
    const lock = new ReentrantSemaphore(1);
    const owner = "holder";
    await lock.acquire(1, { owner });
    const context = Context.background.withCancel();
    const canceled = observe(lock.run(() => "ran", { signal: context }));
    const next = observe(lock.run(() => "next"));
    lock.release(1, { owner });
    context.cancel();
    await drained();
    expect([canceled.outcome.status, next.outcome.status, ...state(lock)]).toEqual(["rejected", "fulfilled", 1, 0]);
  });
});

describe("AsyncLocalStorage", () => {
  test("a task that queued sees the stores of whoever submitted it", async () => {
    const storage = new AsyncLocalStorage<string>();
    const lock = new ReentrantSemaphore(1);
    const stores = await Promise.all(
      ["a", "b", "c"].map((name) => storage.run(name, () => lock.run(() => storage.getStore()))),
    );
    expect(stores).toEqual(["a", "b", "c"]);
  });

  test("the holder is known across timers, events and promises of others", async () => {
    const lock = new ReentrantSemaphore(1);
    const foreign = deferred<string>();
    const outer = lock.run(
      () =>
        new Promise<string>((resolve) => {
          setImmediate(() => resolve(foreign.promise.then((value) => lock.run(() => value))));
        }),
    );
    foreign.resolve("in");
    expect(await outer).toBe("in");
  });
});
