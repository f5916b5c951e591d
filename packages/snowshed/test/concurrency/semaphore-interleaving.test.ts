// Many callers of one semaphore, in every order that a scheduler can find.
import fc from "fast-check";
import { Context, Semaphore } from "snowshed";
import { describe, expect, test } from "vitest";

interface Caller {
  readonly weight: number;
  readonly canceled: boolean;
}

/** Runs callers in whatever order the scheduler chooses, and checks at each beginning that there is room for it. */
function limit(run: (semaphore: Semaphore) => Semaphore["run"]): fc.IAsyncProperty<[fc.Scheduler, number, Caller[]]> {
  const callers = fc.array(fc.record({ weight: fc.integer({ min: 1, max: 3 }), canceled: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  });
  return fc.asyncProperty(fc.scheduler(), fc.integer({ min: 3, max: 4 }), callers, async (scheduler, permits, all) => {
    const semaphore = new Semaphore(permits);
    const limited = run(semaphore);
    let live = 0;
    let settled = 0;
    const caller = async ({ weight, canceled }: Caller): Promise<void> => {
      const context = Context.background.withCancel();
      if (canceled) void scheduler.schedule(Promise.resolve(), "cancel").then(() => context.cancel());
      await scheduler.schedule(Promise.resolve(), "arrive");
      const body = async (): Promise<void> => {
        live += weight;
        expect(live).toBeLessThanOrEqual(permits);
        await scheduler.schedule(Promise.resolve(), "work");
        live -= weight;
      };
      await limited(body, { weight, signal: context }).catch((error: unknown) => {
        if (!canceled || error !== context.reason) throw error;
      });
      settled++;
    };
    const done = Promise.all(all.map(caller));
    done.catch(() => {});
    await scheduler.waitIdle();
    await done;
    expect([settled, live, semaphore.available, semaphore.pending]).toEqual([all.length, 0, permits, 0]);
  });
}

describe("run()", () => {
  test("keeps to the limit, settles every caller and loses no permit, in every interleaving", async () => {
    await fc.assert(
      limit((semaphore) => semaphore.run.bind(semaphore)),
      { numRuns: 300 },
    );
  });

  test("that frees the place of a canceled caller whose body goes on is found out", async () => {
    const early =
      (semaphore: Semaphore): Semaphore["run"] =>
      async (task, options) => {
        await semaphore.acquire(options?.weight, options);
        const work = Promise.resolve(task());
        await Promise.race([work, Promise.resolve()]);
        semaphore.release(options?.weight);
        return work;
      };
    expect((await fc.check(limit(early), { numRuns: 300, endOnFailure: true })).failed).toBe(true);
  });
});
