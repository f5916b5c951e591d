// The defects found in other packages by probes, each as a case that is right here. Every probe is a function of the
// semaphore, so that the controls at the end can show that it would notice the defect.
import { AsyncLocalStorage } from "node:async_hooks";
import { Context, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

/** What the probes need of a semaphore, so that a defective one can be handed to them. */
interface Probed {
  acquire(weight?: number, options?: { readonly signal?: Context }): Promise<void>;
  release(weight?: number): void;
}

/** Whether a caller that queues behind one that gives up is ever admitted. */
async function wakesBehindAborted(semaphore: Probed): Promise<boolean> {
  const context = Context.background.withCancel();
  await semaphore.acquire();
  const aborted = observe(semaphore.acquire(1, { signal: context }));
  const behind = observe(semaphore.acquire());
  context.cancel();
  semaphore.release();
  await drained();
  return aborted.outcome.status === "rejected" && behind.outcome.status === "fulfilled";
}

/** Who is admitted first: the one that queued, or one that came a microtask after the release. */
async function firstAdmitted(semaphore: Probed): Promise<readonly string[]> {
  const order: string[] = [];
  await semaphore.acquire();
  void semaphore.acquire().then(() => order.push("queued"));
  await drained();
  semaphore.release();
  await Promise.resolve();
  void semaphore.acquire().then(() => order.push("newcomer"));
  await drained();
  return order;
}

/** How many requests of weight 1 overtake a waiting one of weight 3 in up to 50 rounds of traffic. */
async function overtakes(semaphore: Probed): Promise<number> {
  for (let index = 0; index < 3; index++) await semaphore.acquire();
  const large = observe(semaphore.acquire(3));
  let overtaking = 0;
  for (let round = 0; round < 50 && large.outcome.status === "pending"; round++) {
    void semaphore.acquire().then(() => large.outcome.status === "pending" && overtaking++);
    await drained();
    semaphore.release();
    await drained();
  }
  return overtaking;
}

/** How many bodies live at the most when each caller stops waiting for its own after 10 ms and the body goes on. */
async function mostAlive(run: (body: () => Promise<void>) => Promise<unknown>, clock: FakeClock): Promise<number> {
  const context = Context.root({ clock });
  let alive = 0;
  let most = 0;
  const body = async (): Promise<void> => {
    most = Math.max(most, ++alive);
    await context.sleep(100);
    alive--;
  };
  for (let index = 0; index < 3; index++) void observe(run(body));
  await clock.advance("1s");
  return most;
}

const settledOr = (work: Promise<unknown>, context: Context): Promise<unknown> =>
  Promise.race([work, context.sleep(10).then(() => Promise.reject(new Error("tired of waiting")))]);

describe("the defects of peers", () => {
  test("lost wake-up: a queued caller that aborts does not strand the next one", async () => {
    expect(await wakesBehindAborted(new Semaphore(1))).toBe(true);
  });

  test("late abort: a queued caller is told at once, not when its turn comes", async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const context = Context.background.withCancel();
    const waiting = observe(semaphore.acquire(1, { signal: context }));
    context.cancel();
    await drained();
    expect(waiting.outcome.status).toBe("rejected");
  });

  test("barging: a newcomer one microtask after the release does not take the place of one that queued", async () => {
    expect(await firstAdmitted(new Semaphore(1))).toEqual(["queued"]);
  });

  test("starvation by weight: a waiter of weight 3 on 3 permits is overtaken 0 times", async () => {
    expect(await overtakes(new Semaphore(3))).toBe(0);
  });

  test("double release: gives no second permit, neither by a permit nor by release()", async () => {
    const semaphore = new Semaphore(1);
    const permit = await semaphore.permit();
    permit.release();
    permit.release();
    expect(() => semaphore.release()).toThrow(expect.objectContaining({ code: "SNOWSHED_OVER_RELEASE" }));
    const taken = [semaphore.tryAcquire(), semaphore.tryAcquire(), semaphore.tryAcquire()];
    expect(taken).toEqual([true, false, false]);
  });

  test("double release: of one permit does not give back that of another holder", async () => {
    const semaphore = new Semaphore(2);
    const first = await semaphore.permit();
    await semaphore.permit();
    first.release();
    first.release();
    expect(semaphore.available).toBe(1);
  });

  test("nested acquire: does not hang for ever when it has a timeout, and says what it waited for", async () => {
    const clock = new FakeClock();
    const signal = Context.root({ clock });
    const semaphore = new Semaphore(1, { name: "ledger" });
    const nested = observe(semaphore.run(() => semaphore.run(() => {}, { signal, timeout: "1s" })));
    await clock.advance("1s");
    expect(nested.outcome).toMatchObject({
      reason: { name: "TimeoutError", message: expect.stringContaining('"ledger"') as string },
    });
    expect(semaphore.available).toBe(1);
  });

  test("three bodies alive on a limit of 1: a caller that stops waiting does not free the place of its body", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock });
    const semaphore = new Semaphore(1);
    expect(await mostAlive((body) => settledOr(semaphore.run(body), context), clock)).toBe(1);
  });

  test("three bodies alive on a limit of 1: nor does one whose signal aborts while the body runs", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock });
    const semaphore = new Semaphore(1);
    const run = (body: () => Promise<void>): Promise<void> => semaphore.run(body, { signal: context.withTimeout(150) });
    expect(await mostAlive(run, clock)).toBe(1);
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test("AsyncLocalStorage of a queued caller: its own, not that of whoever released", async () => {
    const storage = new AsyncLocalStorage<string>();
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const seen = ["a", "b", "c"].map((name) =>
      storage.run(name, () =>
        semaphore.permit().then((permit) => {
          permit.release();
          return storage.getStore();
        }),
      ),
    );
    storage.run("holder", () => semaphore.release());
    expect(await Promise.all(seen)).toEqual(["a", "b", "c"]);
  });

  test("pending promises that never settle: resize() refuses who cannot be served any more", async () => {
    const semaphore = new Semaphore(2);
    semaphore.tryAcquire(2);
    const waiting = [1, 2].map((weight) => observe(semaphore.acquire(weight)));
    semaphore.resize(0);
    await drained();
    expect(waiting.map(({ outcome }) => outcome.status)).toEqual(["rejected", "rejected"]);
  });
});

/** Small requests overtake, newcomers barge, and who gave up swallows the wake-up meant for the next. */
class Defective implements Probed {
  #free: number;
  readonly #queue: { readonly weight: number; readonly context: Context | undefined; readonly wake: () => void }[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  async acquire(weight: number = 1, options: { readonly signal?: Context } = {}): Promise<void> {
    while (this.#free < weight) {
      await new Promise<void>((wake) => void this.#queue.push({ weight, context: options.signal, wake }));
      options.signal?.throwIfAborted();
    }
    this.#free -= weight;
  }

  release(weight: number = 1): void {
    this.#free += weight;
    const index = this.#queue.findIndex((waiter) => waiter.weight <= this.#free);
    // A task later, so that there is time for a newcomer.
    if (index >= 0) setImmediate(this.#queue.splice(index, 1)[0]!.wake);
  }
}

describe("the probes notice", () => {
  test("a lost wake-up", async () => {
    expect(await wakesBehindAborted(new Defective(1))).toBe(false);
  });

  test("a newcomer that barges", async () => {
    expect((await firstAdmitted(new Defective(1)))[0]).toBe("newcomer");
  });

  test("small requests that overtake", async () => {
    expect(await overtakes(new Defective(3))).toBeGreaterThan(40);
  });

  test("more bodies alive than permits, when the place is freed with the caller", async () => {
    const clock = new FakeClock();
    const context = Context.root({ clock });
    const semaphore = new Semaphore(1);
    const run = (body: () => Promise<void>): Promise<unknown> => semaphore.run(() => settledOr(body(), context));
    expect(await mostAlive(run, clock)).toBe(3);
  });
});
