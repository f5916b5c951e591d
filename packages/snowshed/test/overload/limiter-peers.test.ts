// The defects found in other bulkheads and queues by probes, each as a case that is right here. Every probe is a function
// of something that runs tasks, so that the controls at the end can show that it would notice the defect.
import { AsyncLocalStorage } from "node:async_hooks";
import { Context, fixed, Limiter } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe } from "../support/promises.ts";

interface RunOptions {
  readonly signal?: Context;
}

/** What the probes need, so that a defective one can be handed to them. */
interface Bulkhead {
  run<T>(task: () => T | PromiseLike<T>, options?: RunOptions): Promise<T>;
}

type Make = (limit: number, queue: number) => Bulkhead;

/** What became of two callers that queue behind a running one, when the first of them is aborted. */
async function abortInQueue(make: Make): Promise<readonly string[]> {
  const bulkhead = make(1, 5);
  const gate = deferred();
  const context = Context.background.withCancel();
  void bulkhead.run(() => gate.promise);
  const aborted = observe(bulkhead.run(() => {}, { signal: context }));
  const behind = observe(bulkhead.run(() => {}));
  context.cancel();
  await drained();
  const atOnce = aborted.outcome.status;
  gate.resolve();
  await drained();
  return [atOnce, behind.outcome.status];
}

/** In which order they ran: one that queued, and newcomers that come as soon as a task has ended. */
async function newcomers(make: Make): Promise<readonly string[]> {
  const bulkhead = make(1, 1);
  const ran: string[] = [];
  const run = (name: string): Promise<void> => bulkhead.run(() => drained().then(() => void ran.push(name)));
  const note = (name: string) => (error: Error) => void ran.push(`${name} refused: ${error.name}`);
  const first = run("first");
  run("queued").catch(note("queued"));
  void first.then(() => run("newcomer").catch(note("newcomer")));
  for (let round = 0; round < 10; round++) await drained();
  return ran;
}

/** How many bodies live at the most when each caller gives up its own after 10 ms and the body goes on for 100 ms. */
async function mostAlive(make: Make, clock: FakeClock): Promise<number> {
  const root = Context.root({ clock });
  const bulkhead = make(1, 5);
  let [alive, most] = [0, 0];
  const body = async (): Promise<void> => {
    most = Math.max(most, ++alive);
    await root.sleep(100);
    alive--;
  };
  for (let index = 0; index < 3; index++) {
    const context = root.withTimeout(10 + 100 * index);
    void observe(bulkhead.run(body, { signal: context }));
  }
  await clock.advance("1s");
  return most;
}

/** Whose store a queued task sees. */
async function stores(make: Make): Promise<readonly unknown[]> {
  const storage = new AsyncLocalStorage<string>();
  const bulkhead = make(1, 5);
  const all = ["a", "b", "c"].map((name) =>
    storage.run(name, () =>
      bulkhead.run(async () => {
        await drained();
        return storage.getStore();
      }),
    ),
  );
  return Promise.all(all);
}

const limiterOf: Make = (limit, queue) => new Limiter({ algorithm: fixed(limit), maxQueue: queue });

describe("the defects of peers", () => {
  test("lost wake-up (cockatiel's bulkhead): a queued call that aborts does not strand the next one", async () => {
    expect((await abortInQueue(limiterOf))[1]).toBe("fulfilled");
  });

  test("late abort (cockatiel's bulkhead): a queued call settles when it is aborted, not when its turn comes", async () => {
    expect((await abortInQueue(limiterOf))[0]).toBe("rejected");
  });

  test("barging (cockatiel's bulkhead): a newcomer does not take the place of one that queued, nor get it refused", async () => {
    expect(await newcomers(limiterOf)).toEqual(["first", "queued", "newcomer"]);
  });

  test("bodies beyond the limit (p-queue's timeout, cockatiel's): the place is taken until the body has ended", async () => {
    const clock = new FakeClock();
    expect(await mostAlive(limiterOf, clock)).toBe(1);
  });

  test("somebody else's store (p-queue, cockatiel): a queued task sees the store of its caller", async () => {
    expect(await stores(limiterOf)).toEqual(["a", "b", "c"]);
  });

  test("free queueing (p-queue's timeout): a deadline counts the wait, too", async () => {
    const clock = new FakeClock();
    const root = Context.root({ clock });
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 5, queue: { target: "1h" }, clock });
    const all = [1, 2, 3, 4].map(() => observe(limiter.run(() => root.sleep(25), { signal: root.withTimeout(30) })));
    await clock.advance("1s");
    expect(all.map((each) => each.outcome.status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
  });

  test("minted places (async-sema): giving a place back thrice makes no second one", () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    const permit = limiter.tryAcquire();
    for (let index = 0; index < 3; index++) permit!.success();
    expect([limiter.inflight, limiter.tryAcquire() !== undefined, limiter.tryAcquire()]).toEqual([0, true, undefined]);
  });

  test("pending for ever (p-queue's clear): nobody is left waiting when all who were inside have left", async () => {
    const limiter = new Limiter({ algorithm: fixed(2), maxQueue: 100 });
    const all = Array.from({ length: 60 }, (_, index) =>
      observe(limiter.run(() => (index % 3 === 0 ? Promise.reject(new Error("failed")) : index))),
    );
    await drained();
    expect(all.filter((each) => each.outcome.status === "pending")).toEqual([]);
  });
});

/** As the peers do it: the turn comes to whoever asks, and an aborted one passes nothing on. */
class Defective implements Bulkhead {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  readonly #queue: number;
  readonly #clock: FakeClock | undefined;

  constructor(limit: number, queue: number, clock?: FakeClock) {
    this.#free = limit;
    this.#queue = queue;
    this.#clock = clock;
  }

  async run<T>(task: () => T | PromiseLike<T>, options: RunOptions = {}): Promise<T> {
    while (this.#free === 0) {
      if (this.#waiting.length >= this.#queue) throw new RangeError("full");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (options.signal?.aborted) throw new Error("aborted");
      // Between the wake-up and the look, a newcomer takes the place.
      if (this.#clock === undefined) await drained();
    }
    this.#free--;
    try {
      const work = Promise.resolve(task());
      if (this.#clock === undefined || options.signal === undefined) return await work;
      return (await Promise.race([work, options.signal.sleep("1h")])) as T;
    } finally {
      this.#free++;
      this.#waiting.shift()?.();
    }
  }
}

describe("the controls: a defective bulkhead is noticed by", () => {
  const defective: Make = (limit, queue) => new Defective(limit, queue);

  test("the probe of aborts", async () => {
    expect(await abortInQueue(defective)).toEqual(["pending", "pending"]);
  });

  test("the probe of newcomers", async () => {
    expect(await newcomers(defective)).not.toEqual(["first", "queued", "newcomer"]);
  });

  test("the probe of living bodies", async () => {
    const clock = new FakeClock();
    expect(await mostAlive((limit, queue) => new Defective(limit, queue, clock), clock)).toBeGreaterThan(1);
  });

  test("the probe of stores", async () => {
    const tasks: (() => void)[] = [];
    let running = false;
    // Each task is started by the end of the one before, in that one's context.
    const chained: Make = () => ({
      run: (task) =>
        new Promise((resolve) => {
          const start = async (): Promise<void> => {
            running = true;
            const value = await task();
            running = false;
            tasks.shift()?.();
            resolve(value);
          };
          if (running) tasks.push(() => void start());
          else void start();
        }),
    });
    expect(await stores(chained)).not.toEqual(["a", "b", "c"]);
  });
});
