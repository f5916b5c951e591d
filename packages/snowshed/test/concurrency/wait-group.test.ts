// Counting, waiting, generations. Failures, misuse and the model have files of their own.
import { getEventListeners } from "node:events";
import { AsyncLocalStorage } from "node:async_hooks";
import { CanceledError, Context, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe } from "../support/promises.ts";

const negative = expect.objectContaining({ code: "SNOWSHED_NEGATIVE_COUNTER" }) as Error;

describe("a new group", () => {
  test("is ready for use, and nothing is waited for", async () => {
    const group = new WaitGroup();
    expect([group.count, group.name, new WaitGroup({ name: "mail" }).name]).toEqual([0, undefined, "mail"]);
    expect(await group.wait()).toBeUndefined();
  });
});

describe("wait()", () => {
  test("resolves when the counter has come back to 0, and not before", async () => {
    const group = new WaitGroup();
    group.add(2);
    const waiting = observe(group.wait());
    group.done();
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["pending", 1]);
    group.done();
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["fulfilled", 0]);
  });

  test("releases all who wait, together", async () => {
    const group = new WaitGroup();
    group.add();
    const waiting = [1, 2, 3].map(() => observe(group.wait()));
    await drained();
    group.done();
    await drained();
    expect(waiting.map(({ outcome }) => outcome.status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });

  test("waits also for what was added while it waits", async () => {
    const group = new WaitGroup();
    group.add();
    const waiting = observe(group.wait());
    group.add();
    group.done();
    await drained();
    expect(waiting.outcome.status).toBe("pending");
    group.done();
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });
});

describe("add()", () => {
  test("counts by any amount, in either direction", () => {
    const group = new WaitGroup();
    group.add(5);
    group.add(-3);
    group.add();
    expect(group.count).toBe(3);
  });

  test("of 0 does nothing: neither ends a generation nor begins one", async () => {
    const group = new WaitGroup();
    group.add(0);
    group.add(-0);
    expect(Object.is(group.count, 0)).toBe(true);
    group.add();
    const waiting = observe(group.wait());
    group.add(0);
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["pending", 1]);
  });

  test("of a negative amount that reaches 0 releases the waiters as done() does", async () => {
    const group = new WaitGroup();
    group.add(3);
    const waiting = observe(group.wait());
    group.add(-3);
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });
});

describe("a counter below 0", () => {
  test("is an error that leaves the counter as it was (in Go it stays at -1, and wait() blocks)", async () => {
    const group = new WaitGroup();
    expect(() => group.done()).toThrow(negative);
    expect(() => group.done()).toThrow("the counter is 0 and cannot go 1 down: a done() without its add()");
    expect(group.count).toBe(0);
    await group.wait();
    group.add();
    expect(group.count).toBe(1);
  });

  test("is an error while others wait, and does not release them", async () => {
    const group = new WaitGroup();
    group.add(2);
    const waiting = observe(group.wait());
    expect(() => group.add(-3)).toThrow(negative);
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["pending", 2]);
    group.add(-2);
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });

  test("is what done() twice for one add() leads to: not a wait() that is released too early", async () => {
    const group = new WaitGroup();
    group.add();
    group.done();
    expect(() => group.done()).toThrow(negative);
  });
});

describe("generations", () => {
  test("may follow each other without end", async () => {
    const group = new WaitGroup();
    for (let generation = 0; generation < 100; generation++) {
      group.add();
      const waiting = group.wait();
      group.done();
      await waiting;
    }
    expect(group.count).toBe(0);
  });

  test("that begin before the waiters of the old one went on leave those released (in Go the waiter panics)", async () => {
    const group = new WaitGroup();
    group.add();
    const old = observe(group.wait());
    group.done();
    group.add();
    const young = observe(group.wait());
    await drained();
    expect([old.outcome.status, young.outcome.status, group.count]).toEqual(["fulfilled", "pending", 1]);
    group.done();
    await drained();
    expect(young.outcome.status).toBe("fulfilled");
  });
});

describe("go()", () => {
  test("starts the task at once, counts it, and counts down when it has ended", async () => {
    const group = new WaitGroup();
    const body = deferred();
    let started = false;
    group.go(() => {
      started = true;
      return body.promise;
    });
    expect([started, group.count]).toEqual([true, 1]);
    const waiting = observe(group.wait());
    await drained();
    expect(waiting.outcome.status).toBe("pending");
    body.resolve();
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["fulfilled", 0]);
  });

  test("counts a task that returns at once as running until the next microtask, so that all can be started", async () => {
    const group = new WaitGroup();
    group.go(() => {});
    group.go(() => 7);
    expect(group.count).toBe(2);
    await group.wait();
    expect(group.count).toBe(0);
  });

  test("takes tasks that return any thenable", async () => {
    const group = new WaitGroup();
    const body = deferred();
    const thenable: PromiseLike<void> = { then: (...callbacks) => body.promise.then(...callbacks) };
    group.go(() => thenable);
    const waiting = observe(group.wait());
    await drained();
    expect(waiting.outcome.status).toBe("pending");
    body.resolve();
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });

  test("may be called inside a task of the same group", async () => {
    const group = new WaitGroup();
    const order: string[] = [];
    group.go(async () => {
      group.go(async () => {
        await drained();
        order.push("inner");
      });
      order.push("outer");
    });
    await group.wait();
    expect(order).toEqual(["outer", "inner"]);
  });

  test("and add() count together", async () => {
    const group = new WaitGroup();
    group.add();
    group.go(() => {});
    const waiting = observe(group.wait());
    await drained();
    expect([waiting.outcome.status, group.count]).toEqual(["pending", 1]);
    group.done();
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });

  test("keeps the AsyncLocalStorage store of whoever called it", async () => {
    const storage = new AsyncLocalStorage<string>();
    const group = new WaitGroup();
    const seen: (string | undefined)[] = [];
    for (const name of ["a", "b"]) {
      storage.run(name, () =>
        group.go(async () => {
          await drained();
          seen.push(storage.getStore());
        }),
      );
    }
    await group.wait();
    expect(seen).toEqual(["a", "b"]);
  });
});

describe("wait({ signal })", () => {
  test("frees only the caller whose signal aborts, at once, and the work goes on", async () => {
    const group = new WaitGroup();
    group.add();
    const context = Context.background.withCancel();
    const leaving = observe(group.wait({ signal: context }));
    const staying = observe(group.wait());
    context.cancel("enough");
    await drained();
    expect(leaving.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect([staying.outcome.status, group.count]).toEqual(["pending", 1]);
    group.done();
    await drained();
    expect(staying.outcome.status).toBe("fulfilled");
  });

  test("refuses when the signal is aborted already, also when there is nothing to wait for", async () => {
    const group = new WaitGroup();
    await expect(group.wait({ signal: AbortSignal.abort("over") })).rejects.toBeInstanceOf(CanceledError);
  });

  test("that was released in the tick of the abort is released: the work is done", async () => {
    const group = new WaitGroup();
    group.add();
    const context = Context.background.withCancel();
    const waiting = observe(group.wait({ signal: context }));
    group.done();
    context.cancel();
    await drained();
    expect(waiting.outcome.status).toBe("fulfilled");
  });

  test("puts one listener on a native signal, for all groups and waits, and takes it away", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const groups = [new WaitGroup(), new WaitGroup()];
    for (const group of groups) group.add();
    const waiting = groups.flatMap((group) => [observe(group.wait({ signal })), observe(group.wait({ signal }))]);
    expect(listeners()).toBe(1);
    groups[0]!.done();
    expect(listeners()).toBe(1);
    groups[1]!.done();
    expect(listeners()).toBe(0);
    groups[0]!.add();
    const aborted = observe(groups[0]!.wait({ signal }));
    controller.abort();
    await drained();
    expect([listeners(), aborted.outcome.status]).toEqual([0, "rejected"]);
    expect(waiting.every(({ outcome }) => outcome.status === "fulfilled")).toBe(true);
  });
});
