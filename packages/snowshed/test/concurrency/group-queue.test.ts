// The limit, the queue behind it, and back-pressure.
import { Group } from "snowshed";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, test } from "vitest";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained, microtasks, observe } from "../support/promises.ts";

/** Starts tasks in `group` that run until the test opens their gate, and keeps count of what runs. */
class Gates {
  readonly started: number[] = [];
  most = 0;
  readonly #group: Group;
  readonly #gates: Deferred<void>[] = [];

  constructor(group: Group) {
    this.#group = group;
  }

  readonly body = (index: number) => async (): Promise<void> => {
    this.started.push(index);
    this.most = Math.max(this.most, this.#group.running);
    await (this.#gates[index] ??= deferred()).promise;
  };

  go(count: number): void {
    for (let index = 0; index < count; index++) this.#group.go(this.body(index));
  }

  async open(...indices: number[]): Promise<void> {
    for (const index of indices) (this.#gates[index] ??= deferred()).resolve();
    await drained();
  }
}

describe("concurrency", () => {
  test("is unlimited by default", () => {
    const group = new Group();
    const gates = new Gates(group);
    gates.go(1000);
    expect([group.concurrency, group.running, group.queued]).toEqual([Infinity, 1000, 0]);
  });

  test("queues what is beyond, and starts it in the order of submission, one for one", async () => {
    const group = new Group({ concurrency: 2 });
    const gates = new Gates(group);
    gates.go(5);
    expect([gates.started, group.running, group.queued]).toEqual([[0, 1], 2, 3]);
    await gates.open(1);
    expect([gates.started, group.running, group.queued]).toEqual([[0, 1, 2], 2, 2]);
    await gates.open(2, 0);
    expect(gates.started).toEqual([0, 1, 2, 3, 4]);
    await gates.open(3, 4);
    await group.wait();
    expect(gates.most).toBe(2);
  });

  test("a newcomer does not overtake who is queued, at whatever microtask it comes", async () => {
    for (let delay = 0; delay < 8; delay++) {
      const group = new Group({ concurrency: 1 });
      const order: string[] = [];
      const gate = deferred();
      group.go(() => gate.promise);
      group.go(() => void order.push("queued"));
      gate.resolve();
      await microtasks(delay);
      group.go(() => void order.push("newcomer"));
      await group.wait();
      expect([delay, order]).toEqual([delay, ["queued", "newcomer"]]);
    }
  });

  test("0 pauses: nothing starts, what runs goes on", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    gates.go(2);
    group.concurrency = 0;
    await gates.open(0);
    expect([gates.started, group.running, group.queued]).toEqual([[0], 0, 1]);
    expect(group.tryGo(() => {})).toBeUndefined();
    const waited = observe(group.wait());
    await drained();
    expect(waited.outcome.status).toBe("pending");
    group.concurrency = 1;
    await gates.open(1);
    expect([gates.started, waited.outcome.status]).toEqual([[0, 1], "fulfilled"]);
  });

  test("can be made larger while running: queued tasks start", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    gates.go(5);
    group.concurrency = 3;
    await drained();
    expect([gates.started, group.running, group.queued]).toEqual([[0, 1, 2], 3, 2]);
    group.concurrency = Infinity;
    await drained();
    expect([gates.started, group.running, group.queued]).toEqual([[0, 1, 2, 3, 4], 5, 0]);
  });

  test("can be made smaller while running: no task is stopped, none starts before enough have ended", async () => {
    const group = new Group({ concurrency: 4 });
    const gates = new Gates(group);
    gates.go(6);
    group.concurrency = 2;
    await gates.open(0, 1);
    expect([gates.started.length, group.running]).toEqual([4, 2]);
    await gates.open(2);
    expect([gates.started.length, group.running]).toEqual([5, 2]);
  });

  test("a limit for an unlimited group with tasks running counts those (golang/sync#14)", async () => {
    const group = new Group();
    const gates = new Gates(group);
    gates.go(3);
    group.concurrency = 1;
    group.go(gates.body(3));
    await gates.open(0, 1);
    expect([gates.started.length, group.running, group.queued]).toEqual([3, 1, 1]);
    await gates.open(2, 3);
    await group.wait();
    expect(gates.started).toEqual([0, 1, 2, 3]);
  });

  test("refuses nonsense and leaves the limit as it was", () => {
    const group = new Group({ concurrency: 2 });
    for (const wrong of [-1, 1.5, Number.NaN, -Infinity, 2 ** 53, "2", null, undefined, {}]) {
      expect(() => {
        group.concurrency = wrong as number;
      }).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    }
    expect(group.concurrency).toBe(2);
  });

  test("a place becomes free when a task throws, at once or later", async () => {
    const group = new Group({ concurrency: 1, failFast: false });
    group.go(() => {
      throw new Error("at once");
    });
    expect(group.running).toBe(0);
    group.go(() => Promise.reject(new Error("later")));
    const last = group.go(() => "ran");
    await group.wait().catch(() => {});
    expect(last.value).toBe("ran");
  });
});

describe("wait() and the queue (go.dev/issue/70284)", () => {
  test("a queued submission is waited for like a running one", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    gates.go(2);
    const waited = observe(group.wait());
    await gates.open(0);
    expect([waited.outcome.status, gates.started]).toEqual(["pending", [0, 1]]);
    await gates.open(1);
    expect(waited.outcome.status).toBe("fulfilled");
  });

  test("at limit 1 a task may add tasks without awaiting them", async () => {
    const group = new Group({ concurrency: 1 });
    const order: number[] = [];
    group.go(async () => {
      group.go(() => {
        order.push(2);
        group.go(() => void order.push(3));
      });
      order.push(1);
    });
    await group.wait();
    expect(order).toEqual([1, 2, 3]);
  });
});

describe("tryGo()", () => {
  test("runs the body at once when there is a place, else gives undefined and does nothing", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    expect(group.tryGo(gates.body(0), { name: "first" })).toMatchObject({ name: "first", state: "running" });
    expect(group.tryGo(gates.body(1))).toBeUndefined();
    expect([gates.started, group.running, group.queued]).toEqual([[0], 1, 0]);
    await gates.open(0);
    expect(group.tryGo(gates.body(2))?.state).toBe("running");
  });

  test("always runs on an unlimited group", () => {
    const group = new Group();
    for (let index = 0; index < 100; index++) expect(group.tryGo(() => deferred().promise)?.state).toBe("running");
  });

  test("does not take the place of who is queued", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    gates.go(2);
    group.concurrency = 2;
    expect(group.tryGo(gates.body(2))).toBeUndefined();
    await drained();
    expect(gates.started).toEqual([0, 1]);
  });
});

describe("ready()", () => {
  test("resolves when go() would start at once", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    const before = observe(group.ready());
    await drained();
    gates.go(2);
    const after = observe(group.ready());
    await gates.open(0);
    expect([before.outcome.status, after.outcome.status]).toEqual(["fulfilled", "pending"]);
    await gates.open(1);
    expect([after.outcome.status, group.tryGo(() => {})?.state]).toEqual(["fulfilled", "running"]);
  });

  test("resolves when the limit grows", async () => {
    const group = new Group({ concurrency: 0 });
    const ready = observe(group.ready());
    await drained();
    expect(ready.outcome.status).toBe("pending");
    group.concurrency = 1;
    await drained();
    expect(ready.outcome.status).toBe("fulfilled");
  });

  test("holds back one producer: nothing is ever queued", async () => {
    const group = new Group({ concurrency: 3 });
    let mostQueued = 0;
    for (let index = 0; index < 50; index++) {
      await group.ready();
      group.go(() => drained());
      mostQueued = Math.max(mostQueued, group.queued);
      expect(group.running).toBeLessThanOrEqual(3);
    }
    await group.wait();
    expect(mostQueued).toBe(0);
  });

  test("holds back several producers: no more is queued than there are others, and all get on", async () => {
    const group = new Group({ concurrency: 2 });
    const producers = 5;
    let mostQueued = 0;
    let ran = 0;
    const produce = async (): Promise<void> => {
      for (let index = 0; index < 20; index++) {
        await group.ready();
        group.go(async () => {
          await drained();
          ran++;
        });
        mostQueued = Math.max(mostQueued, group.queued);
      }
    };
    await Promise.all(Array.from({ length: producers }, produce));
    await group.wait();
    expect([ran, mostQueued]).toEqual([100, expect.toSatisfy((queued: number) => queued < producers)]);
  });

  test("a producer that was told and does not come blocks no other", async () => {
    const group = new Group({ concurrency: 1 });
    const gates = new Gates(group);
    gates.go(1);
    const idle = observe(group.ready());
    const eager = observe(group.ready());
    await gates.open(0);
    expect([idle.outcome.status, eager.outcome.status]).toEqual(["fulfilled", "fulfilled"]);
  });

  test("resolves on a group that gets canceled, or closed while it is paused", async () => {
    const canceled = new Group({ concurrency: 0 });
    const first = observe(canceled.ready());
    canceled.cancel();
    const closed = new Group({ concurrency: 0 });
    const second = observe(closed.ready());
    await closed.wait();
    await drained();
    expect([first.outcome.status, second.outcome.status]).toEqual(["fulfilled", "fulfilled"]);
  });
});

describe("AsyncLocalStorage", () => {
  test("a queued task sees the store of whoever submitted it, not of whoever freed its place", async () => {
    const storage = new AsyncLocalStorage<string>();
    const group = new Group({ concurrency: 1 });
    const seen: (string | undefined)[] = [];
    const body = async (): Promise<void> => {
      seen.push(storage.getStore());
      await drained();
      seen.push(storage.getStore());
    };
    for (const caller of ["a", "b", "c"]) storage.run(caller, () => void group.go(body));
    group.go(body);
    storage.run("wait", () => void group.wait());
    await group.wait();
    expect(seen).toEqual(["a", "a", "b", "b", "c", "c", undefined, undefined]);
  });

  test("a task started by a change of the limit sees its submitter's store, too", async () => {
    const storage = new AsyncLocalStorage<string>();
    const group = new Group({ concurrency: 0 });
    const task = storage.run("submitter", () => group.go(() => storage.getStore()));
    storage.run("operator", () => {
      group.concurrency = 1;
    });
    await group.wait();
    expect(task.value).toBe("submitter");
  });
});
