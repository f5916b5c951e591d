import fc from "fast-check";
import type { Clock } from "snowshed";
import { batch, Context } from "snowshed";
import { describe, expect, test } from "vitest";
import { numbers, sourceKinds } from "../support/sources.ts";

const setting = fc.record({
  count: fc.nat({ max: 8 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  fails: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  retry: fc.nat({ max: 2 }),
  fallback: fc.boolean(),
  aborts: fc.boolean(),
  collect: fc.boolean(),
});

describe.each(sourceKinds)("in every interleaving, over a source that is %s,", (kind) => {
  test("each call is told of once, the counts add up to the total, and no more than n are alive", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), setting, async (scheduler, some) => {
        const { count, concurrency, fails, retry, aborts, collect } = some;
        // The scheduler is the clock, too: a timer fires when it says so.
        const setTimeout = (callback: () => void): (() => void) => {
          let due = true;
          void (async () => {
            await scheduler.schedule(Promise.resolve(), "timer");
            if (due) callback();
          })();
          return () => {
            due = false;
          };
        };
        const clock: Clock = { now: () => 0, date: () => 0, random: () => 0, setTimeout };
        const context = Context.root({ clock }).withCancel();
        const told: number[] = [];
        let alive = 0;
        let most = 0;
        const call = async (input: number): Promise<number> => {
          most = Math.max(most, ++alive);
          await scheduler.schedule(Promise.resolve(), `call ${input}`);
          alive--;
          if (fails[input]) throw new Error(`failed ${input}`);
          return input;
        };
        const source = numbers(kind, count);
        const report = batch(source.iterable, call, {
          signal: context,
          concurrency,
          collect,
          retry: { attempts: retry + 1, budget: { minimum: Infinity }, retryable: (_error, input) => input % 2 === 0 },
          fallback: some.fallback
            ? { value: (input) => scheduler.schedule(Promise.resolve(-input), "stand-in") }
            : undefined,
          onSettled: async ({ input }) => {
            told.push(input);
            await scheduler.schedule(Promise.resolve(), `told of ${input}`);
          },
        });
        if (aborts) void scheduler.schedule(Promise.resolve(), "abort").then(() => context.cancel());
        const ended = await scheduler.waitFor(report);
        const { stats, outcomes, degraded } = ended;
        expect(stats.ok + stats.failed + stats.fallback + stats.skipped).toBe(stats.total);
        expect(told.toSorted((a, b) => a - b)).toEqual(Array.from({ length: stats.total }, (_, index) => index));
        expect(outcomes).toHaveLength(collect ? stats.total : 0);
        expect(outcomes.map(({ input }) => input)).toEqual(outcomes.map((_, index) => index));
        for (const { status, attempts } of outcomes) expect(attempts > 0).toBe(status !== "skipped");
        expect(degraded).toBe(stats.fallback > 0);
        expect(most).toBeLessThanOrEqual(concurrency);
        if (!aborts) {
          const failing = fails.slice(0, count).filter(Boolean).length;
          expect([stats.total, stats.failed + stats.fallback]).toEqual([count, failing]);
          expect(source.closed).toBe(0);
        }
        expect(source.closed).toBeLessThanOrEqual(1);
        // What lives on after an abort ends, too.
        await scheduler.waitIdle();
      }),
      { numRuns: 250 },
    );
  });
});
