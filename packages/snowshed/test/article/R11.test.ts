// Chapter 4.1: the semaphore that is not reentrant, and the one that is. Their speed is measured in bench/.
import { DeadlineExceededError, ReentrantSemaphore, Semaphore, SnowshedError } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe("R11: the semaphore that is not reentrant", () => {
  test("is the article's `chan struct{}` of 3: three enter, the others wait in the order they came", async () => {
    const semaphore = new Semaphore(3);
    const log: string[] = [];
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      await semaphore.acquire();
      log.push(`+${worker}`);
      await root.sleep(10);
      log.push(`-${worker}`);
      semaphore.release();
    });
    await clock.advance(9);
    expect(log).toEqual(["+0", "+1", "+2"]);
    expect([semaphore.available, semaphore.pending]).toEqual([0, 5]);
    await clock.advance(1000);
    await Promise.all(workers);
    expect(log.filter((line) => line.startsWith("+"))).toEqual(["+0", "+1", "+2", "+3", "+4", "+5", "+6", "+7"]);
    expect([semaphore.available, semaphore.pending]).toEqual([3, 0]);
  });

  test("has a non-blocking, a weighted and a cancellable way in", async () => {
    const semaphore = new Semaphore(3);
    expect([semaphore.tryAcquire(2), semaphore.tryAcquire(2), semaphore.tryAcquire()]).toEqual([true, false, true]);
    const context = root.withCancel();
    const waiting = observe(semaphore.acquire(2, { signal: context }));
    context.cancel();
    await drained();
    expect(waiting.outcome).toEqual({ status: "rejected", reason: context.reason });
    const timed = observe(semaphore.acquire(1, { signal: root, timeout: "3s" }));
    await clock.advance("3s");
    expect(timed.outcome).toEqual({ status: "rejected", reason: expect.any(DeadlineExceededError) as unknown });
    semaphore.release(3);
    expect([semaphore.available, semaphore.pending]).toEqual([3, 0]);
  });

  test("keeps no account of who holds: giving back more than is held is an error with a name", () => {
    const semaphore = new Semaphore(3);
    expect(() => semaphore.release()).toThrow(SnowshedError);
    expect(semaphore.available).toBe(3);
  });
});

/** A task that enters, and within it enters again, `depth` times in all. */
function nest(enter: (task: () => Promise<number>) => Promise<number>, depth: number): Promise<number> {
  return depth === 0 ? Promise.resolve(0) : enter(async () => (await nest(enter, depth - 1)) + 1);
}

describe("R11: entering again", () => {
  test("waits for ever in the plain one: its holder waits for itself", async () => {
    const semaphore = new Semaphore(1);
    const context = root.withCancel();
    const nested = observe(nest((task) => semaphore.run(task, { signal: context }), 2));
    await clock.advance("10h");
    expect(nested.outcome.status).toBe("pending");
    expect([semaphore.available, semaphore.pending]).toEqual([0, 1]);
    // The way out is the context, here and in a program.
    context.cancel();
    await drained();
    expect(nested.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test("waits for ever in the plain one with more permits, too, once as many holders try", async () => {
    const semaphore = new Semaphore(3);
    const context = root.withCancel();
    const enter = (task: () => Promise<number>): Promise<number> =>
      semaphore.run(() => drained().then(task), { signal: context });
    const nested = [1, 2, 3].map(() => observe(nest(enter, 2)));
    await clock.advance("10h");
    expect(nested.map(({ outcome }) => outcome.status)).toEqual(["pending", "pending", "pending"]);
    context.cancel();
    await drained();
    expect(semaphore.available).toBe(3);
  });

  test("goes through in the reentrant one, as deep as it likes, with one permit", async () => {
    const semaphore = new ReentrantSemaphore(1);
    const held: number[] = [];
    const enter = (task: () => Promise<number>): Promise<number> =>
      semaphore.run(() => {
        held.push(1 - semaphore.available);
        return task();
      });
    expect(await nest(enter, 50)).toBe(50);
    expect(new Set(held)).toEqual(new Set([1]));
    expect([semaphore.available, semaphore.pending]).toEqual([1, 0]);
  });

  test("counts: the permit goes back with the last release, not before", async () => {
    const semaphore = new ReentrantSemaphore(1);
    const owner = {};
    // "Is current goroutine holder? Yes: increment count. No: send to channel."
    await semaphore.acquire(1, { owner });
    await semaphore.acquire(1, { owner });
    const other = observe(semaphore.acquire(1, { owner: "other" }));
    semaphore.release(1, { owner });
    await drained();
    expect([other.outcome.status, semaphore.available]).toEqual(["pending", 0]);
    semaphore.release(1, { owner });
    await drained();
    expect(other.outcome.status).toBe("fulfilled");
    semaphore.release(1, { owner: "other" });
    expect(() => semaphore.release(1, { owner: "other" })).toThrow(SnowshedError);
    expect(semaphore.available).toBe(1);
  });

  test("is for the holder only: another task waits, although it nests within no one", async () => {
    const semaphore = new ReentrantSemaphore(1);
    const log: string[] = [];
    const holder = semaphore.run(async () => {
      log.push("holder in");
      await root.sleep(10);
      await semaphore.run(() => log.push("holder in again"));
      log.push("holder out");
    });
    const other = semaphore.run(() => log.push("other in"));
    await clock.advance(10);
    await Promise.all([holder, other]);
    expect(log).toEqual(["holder in", "holder in again", "holder out", "other in"]);
  });

  test("limits 8 workers to 3 holders in both, over 10 000 operations", async () => {
    for (const semaphore of [new Semaphore(3), new ReentrantSemaphore(3)]) {
      let alive = 0;
      let most = 0;
      let operations = 0;
      const worker = async (): Promise<void> => {
        for (let turn = 0; turn < 1250; turn++) {
          await semaphore.run(async () => {
            most = Math.max(most, ++alive);
            await Promise.resolve();
            alive--;
            operations++;
          });
        }
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      expect([most, operations, semaphore.available]).toEqual([3, 10_000, 3]);
    }
  });
});
