import fc from "fast-check";
import { Context, forEachConcurrent, mapConcurrent } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { SourceKind } from "../support/sources.ts";
import { numbers, sourceKinds } from "../support/sources.ts";

interface Job {
  readonly duration: number;
  readonly fails: boolean;
}

interface Trace {
  /** When each task began. */
  readonly starts: readonly number[];
  /** [when, which], for each result. */
  readonly results: readonly (readonly [number, number])[];
  /** [when, which failed], or when it ended well. */
  readonly end: readonly [number, number | "ok"];
}

/**
 * The naive model, with a consumer that takes each result at once: a place is free when the result in it has been
 * taken; item i begins when fewer than `concurrency` places are in use, and not before item i−1.
 */
function model(jobs: readonly Job[], concurrency: number, ordered: boolean): Trace {
  const starts: number[] = [];
  const ends: number[] = [];
  const taken: number[] = [];
  let failure: { readonly at: number; readonly index: number } | undefined;
  jobs.forEach(({ duration, fails }, index) => {
    const busy = taken.toSorted((a, b) => a - b);
    const start = index < concurrency ? 0 : busy[index - concurrency]!;
    const end = start + duration;
    starts.push(start);
    ends.push(end);
    taken.push(ordered ? Math.max(end, taken[index - 1] ?? 0) : end);
    if (fails && start < (failure?.at ?? Infinity) && end < (failure?.at ?? Infinity)) failure = { at: end, index };
  });
  const before = failure?.at ?? Infinity;
  const started = starts.filter((start) => start < before);
  const results = taken
    .map((at, index) => [at, index] as const)
    .filter(([at]) => at < before)
    .toSorted(([at, index], [otherAt, otherIndex]) => at - otherAt || index - otherIndex);
  // Everything that was started runs to its end.
  const last = Math.max(0, ...started.map((_start, index) => ends[index]!));
  return { starts: started, results, end: [last, failure?.index ?? "ok"] };
}

/** Durations whose sums never meet, so that the model need not know who comes first in a tie. */
const jobs = fc
  .array(fc.record({ duration: fc.integer({ min: 1, max: 9 }), fails: fc.boolean() }), { maxLength: 14 })
  .chain((some) => fc.boolean().map((failing) => some.map((job) => ({ ...job, fails: failing && job.fails }))))
  .map((some) => some.map(({ duration, fails }, index) => ({ duration: duration + 2 ** -(index + 1), fails })));

const source = (kind: SourceKind, count: number): Iterable<number> & AsyncIterable<number> =>
  numbers(kind, count).iterable;

describe.each(sourceKinds)("against the naive model, over a source that is %s", (kind) => {
  test.each([true, false])("mapConcurrent starts, yields and ends at the same times, ordered: %j", async (ordered) => {
    await fc.assert(
      fc.asyncProperty(jobs, fc.integer({ min: 1, max: 5 }), async (some, concurrency) => {
        const clock = new FakeClock();
        const root = Context.root({ clock });
        const starts: number[] = [];
        const results: [number, number][] = [];
        let end: [number, number | "ok"] | undefined;
        const task = async (index: number): Promise<number> => {
          starts.push(clock.now());
          // The tasks ignore their cancellation: all that was started has to be waited for.
          await root.sleep(some[index]!.duration);
          if (some[index]!.fails) throw index;
          return index;
        };
        const consume = async (): Promise<void> => {
          try {
            const mapped = mapConcurrent(source(kind, some.length), task, { concurrency, ordered, signal: root });
            for await (const result of mapped) results.push([clock.now(), result]);
            end = [clock.now(), "ok"];
          } catch (error) {
            end = [clock.now(), error as number];
          }
        };
        const consumed = consume();
        await clock.advance("1h");
        await consumed;
        expect({ starts, results, end }).toEqual(model(some, concurrency, ordered));
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test("forEachConcurrent starts and ends at the same times", async () => {
    await fc.assert(
      fc.asyncProperty(jobs, fc.integer({ min: 1, max: 5 }), async (some, concurrency) => {
        const clock = new FakeClock();
        const root = Context.root({ clock });
        const starts: number[] = [];
        const task = async (index: number): Promise<void> => {
          starts.push(clock.now());
          await root.sleep(some[index]!.duration);
          if (some[index]!.fails) throw index;
        };
        const ended = forEachConcurrent(source(kind, some.length), task, { concurrency, signal: root }).then(
          () => [clock.now(), "ok"],
          (error: unknown) => [clock.now(), error],
        );
        await clock.advance("1h");
        const expected = model(some, concurrency, false);
        expect({ starts, end: await ended }).toEqual({ starts: expected.starts, end: expected.end });
      }),
      { numRuns: 150 },
    );
  });

  test("in every interleaving the results are those of a loop, and never more than `concurrency` alive", async () => {
    const inputs = fc.record({
      count: fc.nat({ max: 12 }),
      concurrency: fc.integer({ min: 1, max: 4 }),
      ordered: fc.boolean(),
      consumers: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), inputs, async (scheduler, { count, concurrency, ordered, consumers }) => {
        let alive = 0;
        let most = 0;
        const task = async (item: number): Promise<number> => {
          most = Math.max(most, ++alive);
          await scheduler.schedule(Promise.resolve(), `task ${item}`);
          alive--;
          return item * item;
        };
        const results = mapConcurrent(source(kind, count), task, { concurrency, ordered });
        const taken: number[] = [];
        const consume = async (name: number): Promise<void> => {
          while (true) {
            const { done, value } = await results.next();
            if (done) return;
            taken.push(value);
            await scheduler.schedule(Promise.resolve(), `consumer ${name}`);
          }
        };
        const all = Promise.all(Array.from({ length: consumers }, (_, name) => consume(name)));
        await scheduler.waitFor(all);
        const loop = Array.from({ length: count }, (_, item) => item * item);
        expect(ordered ? taken : taken.toSorted((a, b) => a - b)).toEqual(loop);
        expect(most).toBe(Math.min(count, concurrency));
      }),
      { numRuns: 150 },
    );
  });
});
