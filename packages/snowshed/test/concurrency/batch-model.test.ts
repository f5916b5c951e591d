import fc from "fast-check";
import type { BatchOutcome, BatchStats } from "snowshed";
import { batch, Context, DeadlineExceededError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, test } from "vitest";
import type { SourceKind } from "../support/sources.ts";
import { numbers, sourceKinds } from "../support/sources.ts";

interface Attempt {
  readonly duration: number;
  readonly fails: boolean;
  /** Goes on after its timeout. */
  readonly stubborn: boolean;
}

interface Setting {
  readonly calls: readonly (readonly Attempt[])[];
  readonly concurrency: number;
  readonly timeout: number;
  readonly deadline: number;
  readonly threshold: number | undefined;
}

interface Expected {
  readonly outcomes: readonly { status: string; attempts: number; duration: number; timedOut: boolean }[];
  readonly stats: BatchStats;
  readonly most: number;
}

/**
 * The naive model: one call after the other, each in the place that is free first. An attempt fills its place until its
 * body ends; what it comes to is known at its timeout.
 */
function model({ calls, concurrency, timeout, deadline, threshold }: Setting): Expected {
  const free: number[] = Array.from({ length: Math.min(concurrency, Math.max(calls.length, 1)) }, () => 0);
  const bodies: [number, number][] = [];
  const outcomes = calls.map((attempts) => {
    const place = free.indexOf(Math.min(...free));
    const started = free[place]!;
    if (started >= deadline) return { status: "skipped", attempts: 0, duration: 0, timedOut: false };
    let at = started;
    let made = 0;
    let settled: { status: string; at: number; timedOut: boolean } | undefined;
    for (const { duration, fails, stubborn } of attempts) {
      // An attempt that could only begin after the deadline is none.
      if (at >= deadline) break;
      made++;
      const late = duration > timeout;
      const known = at + Math.min(duration, timeout);
      const ends = stubborn ? at + duration : known;
      bodies.push([at, ends]);
      settled =
        known >= deadline
          ? { status: "failed", at: deadline, timedOut: true }
          : { status: late || fails ? "failed" : "ok", at: known, timedOut: late };
      at = ends;
      if (settled.status === "ok" || known >= deadline) break;
    }
    // A body that ends after the deadline leaves no time for another attempt: what was known before holds, from then.
    if (settled!.status === "failed" && made < attempts.length && at >= deadline) settled!.at = Math.min(at, deadline);
    free[place] = at;
    return {
      status: settled!.status,
      attempts: made,
      duration: settled!.at - started,
      timedOut: settled!.timedOut,
      end: settled!.at,
    };
  });
  const failed = outcomes.filter(({ status }) => status === "failed").length;
  const ok = outcomes.filter(({ status }) => status === "ok").length;
  const degraded = threshold !== undefined && failed > 0 && failed / (failed + ok) > threshold;
  const skipped = outcomes.length - failed - ok;
  const cut = skipped > 0 || outcomes.some((each) => "end" in each && each.end === deadline);
  const last = Math.max(0, ...outcomes.map((each) => ("end" in each ? each.end : 0)));
  return {
    outcomes: outcomes.map(({ status, attempts, duration, timedOut }) => ({
      status: status === "failed" && degraded ? "fallback" : status,
      attempts,
      duration,
      timedOut,
    })),
    stats: {
      total: outcomes.length,
      ok,
      failed: degraded ? 0 : failed,
      fallback: degraded ? failed : 0,
      skipped,
      timedOut: outcomes.filter(({ timedOut }) => timedOut).length,
      retried: outcomes.filter(({ attempts }) => attempts > 1).length,
      elapsed: cut ? deadline : last,
    },
    most: Math.max(0, ...bodies.map(([at]) => bodies.filter(([from, to]) => from <= at && at < to).length)),
  };
}

const attempt = fc.record({ duration: fc.integer({ min: 1, max: 12 }), fails: fc.boolean(), stubborn: fc.boolean() });
const setting: fc.Arbitrary<Setting> = fc
  .record({
    attempts: fc.integer({ min: 1, max: 3 }),
    calls: fc.array(fc.array(attempt, { minLength: 3, maxLength: 3 }), { maxLength: 8 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    timeout: fc.oneof(fc.constant(Infinity), fc.integer({ min: 2, max: 10 })),
    deadline: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 40 })),
    threshold: fc.option(fc.constantFrom(0, 0.25, 0.5, 1), { nil: undefined }),
  })
  .map(({ attempts, calls, timeout, deadline, concurrency, threshold }) => ({
    concurrency,
    threshold,
    // Fractions whose sums never meet, so that the model need not know who comes first in a tie.
    calls: calls.map((each, index) =>
      each.slice(0, attempts).map(({ duration, fails, stubborn }, at) => ({
        duration: duration + 2 ** -(3 * index + at + 2),
        fails,
        stubborn,
      })),
    ),
    timeout: timeout + 2 ** -27,
    deadline: deadline + 2 ** -29,
  }));

describe.each(sourceKinds)("batch against the naive model, over a source that is %s", (kind) => {
  test("settles every call in the same way, after the same time, with the same counts", async () => {
    await fc.assert(
      fc.asyncProperty(setting, async (some) => {
        // A list is reported whole; of any other source only what was begun.
        const { report, most, told } = await run(some, kind);
        const expected = model(some);
        const begun =
          kind === "synchronous" ? expected.outcomes : expected.outcomes.filter(({ attempts }) => attempts > 0);
        const missing = expected.outcomes.length - begun.length;
        expect(report.outcomes.map((outcome) => summary(outcome))).toEqual(begun);
        expect(report.stats).toEqual({
          ...expected.stats,
          total: expected.stats.total - missing,
          skipped: expected.stats.skipped - missing,
        });
        expect(report.outcomes.map(({ input }) => input)).toEqual(begun.map((_, index) => index));
        expect(report.degraded).toBe(report.stats.fallback > 0);
        expect(most).toBe(expected.most);
        expect(told.toSorted((a, b) => a - b)).toEqual(begun.map((_, index) => index));
      }),
      { numRuns: 200 },
    );
  });
});

interface Ran {
  readonly report: Awaited<ReturnType<typeof batch<number, number>>>;
  readonly most: number;
  readonly told: readonly number[];
}

async function run({ calls, concurrency, timeout, deadline, threshold }: Setting, kind: SourceKind): Promise<Ran> {
  const clock = new FakeClock();
  const root = Context.root({ clock });
  const made = calls.map(() => 0);
  const told: number[] = [];
  let alive = 0;
  let most = 0;
  const call = async (input: number, context: Context): Promise<number> => {
    const { duration, fails, stubborn } = calls[input]![made[input]!++]!;
    most = Math.max(most, ++alive);
    try {
      await (stubborn ? root : context).sleep(duration);
      if (fails) throw new Error(`failed ${input}`);
      return input;
    } finally {
      alive--;
    }
  };
  const inputs = kind === "synchronous" ? calls.map((_, index) => index) : numbers(kind, calls.length).iterable;
  const report = batch(inputs, call, {
    signal: root,
    concurrency,
    timeout,
    deadline,
    retry: { attempts: calls[0]?.length ?? 1, backoff: { initial: 0 }, budget: { minimum: Infinity } },
    fallback: threshold === undefined ? undefined : { value: (input) => -input, threshold },
    onSettled: ({ input }) => told.push(input),
  });
  await clock.advance("1h");
  const ended = await report;
  expect(clock.pending).toBe(0);
  return { report: ended, most, told };
}

function summary({ status, attempts, duration, error }: BatchOutcome<number, number>): Expected["outcomes"][number] {
  const timedOut = status !== "skipped" && error instanceof DeadlineExceededError;
  return { status, attempts, duration, timedOut };
}
