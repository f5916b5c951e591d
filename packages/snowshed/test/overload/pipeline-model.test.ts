// Random pipelines around random bodies: what holds of all of them; the same pieces put together by hand; and the short
// way a call without a signal takes against the long one.
import fc from "fast-check";
import type { Context, GiveUpEvent, PipelineOptions, RetryEvent } from "snowshed";
import { CircuitBreaker, fixed, hedge, Limiter, pipeline, retry, RetryBudget, timeout } from "snowshed";
import { describe, expect, test } from "vitest";
import type { Classification } from "../../src/overload/classify.ts";
import type { Caller, Result, Run } from "./pipeline-scenes.ts";
import { callers, runOf, Scene } from "./pipeline-scenes.ts";

/** The options of a pipeline, as numbers: its pieces are made for each run. See `Scene` for the parts of milliseconds. */
interface Shape {
  readonly deadline: number | undefined;
  readonly timeout: number | undefined;
  readonly retry: { readonly attempts: number; readonly wait: number } | undefined;
  readonly hedge: { readonly delay: number; readonly attempts: number } | undefined;
  readonly breaker: { readonly failures: number; readonly openFor: number } | undefined;
  readonly limiter: { readonly limit: number; readonly maxQueue: number } | undefined;
  /** Extra attempts in all. */
  readonly budget: number;
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const between = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const shapes: fc.Arbitrary<Shape> = fc.record({
  deadline: maybe(between(80, 200).map((ms) => ms + 0.000_911)),
  timeout: maybe(between(25, 80).map((ms) => ms + 0.000_377)),
  retry: maybe(
    fc.record({ attempts: between(1, 4), wait: fc.oneof(fc.constant(0), between(1, 30)).map((ms) => ms + 0.000_019) }),
  ),
  hedge: maybe(fc.record({ delay: between(3, 25).map((ms) => ms + 0.000_057), attempts: between(2, 3) })),
  breaker: maybe(fc.record({ failures: between(1, 4), openFor: between(10, 60).map((ms) => ms + 0.001_009) })),
  limiter: maybe(fc.record({ limit: between(1, 3), maxQueue: between(0, 2) })),
  budget: fc.oneof(between(0, 3), fc.constant(1000)),
});

/** Counts those who passed and those who left. */
class CountedBreaker extends CircuitBreaker {
  passed = 0;
  left = 0;

  override enter(at: number): number {
    const epoch = super.enter(at);
    if (epoch !== -1) this.passed++;
    return epoch;
  }

  override leave(epoch: number, classification: Classification, at: number): void {
    this.left++;
    super.leave(epoch, classification, at);
  }
}

interface Pieces {
  readonly breaker: CountedBreaker | undefined;
  readonly limiter: Limiter | undefined;
  readonly budget: RetryBudget;
}

function piecesOf(shape: Shape, { clock }: Scene): Pieces {
  const { breaker, limiter } = shape;
  return {
    breaker:
      breaker &&
      new CountedBreaker({
        consecutiveFailures: breaker.failures,
        openFor: breaker.openFor,
        halfOpenSuccesses: 2,
        clock,
      }),
    limiter: limiter && new Limiter({ algorithm: fixed(limiter.limit), maxQueue: limiter.maxQueue, clock }),
    // Nothing is earned, and nothing is forgotten while a scene lasts.
    budget: new RetryBudget({ ratio: 0, minimumPerSecond: shape.budget / 1000, window: 1_000_000, clock }),
  };
}

function optionsOf(shape: Shape, { breaker, limiter, budget }: Pieces, { clock }: Scene): PipelineOptions {
  return {
    deadline: shape.deadline,
    timeout: shape.timeout,
    retry: shape.retry && { attempts: shape.retry.attempts, backoff: backoffOf(shape.retry.wait) },
    hedge: shape.hedge,
    breaker,
    limiter,
    ...(shape.retry === undefined && shape.hedge === undefined ? {} : { budget }),
    clock,
  };
}

const backoffOf = (wait: number): { initial: number; factor: number; jitter: "none" } => ({
  initial: wait,
  factor: 1,
  jitter: "none",
});

/** Long enough for the longest call: four rounds of three bodies that take a time-out or a duration, and their waits. */
const longest = 700;

describe("what holds of every pipeline", () => {
  test("every call settles once and in time; places, credit, timers and links are all given back", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(callers, { minLength: 1, maxLength: 6 }), async (shape, all) => {
        const scene = new Scene();
        const pieces = piecesOf(shape, scene);
        const { breaker, limiter } = pieces;
        const guarded = pipeline(optionsOf(shape, pieces, scene));
        const most = (shape.retry?.attempts ?? 1) * (shape.hedge?.attempts ?? 1);
        const problems = new Set<string>();
        scene.onBody = (context) => {
          if (limiter !== undefined && limiter.inflight > limiter.limit) problems.add("above the limit");
          if (shape.timeout !== undefined && !(context.remaining() <= shape.timeout + 1e-6))
            problems.add("no timeout known");
          if (shape.deadline !== undefined && !(context.remaining() <= shape.deadline + 1e-6))
            problems.add("no deadline known");
        };
        await scene.play(all, runOf(guarded), longest, () => {
          if (limiter !== undefined && limiter.inflight !== scene.alive) {
            problems.add(`${limiter.inflight} in flight, ${scene.alive} alive`);
          }
          if (limiter !== undefined && scene.alive > limiter.limit) problems.add("more alive than the limit");
          for (const { abortedAt, settled } of scene.results) {
            if (abortedAt !== undefined && settled === 0) problems.add("not told at once of its abort");
          }
          if (breaker !== undefined && breaker.left > breaker.passed) problems.add("left more often than passed");
        });
        // A body that ignores its context and never ends keeps its place, and then also its caller without a deadline.
        if (shape.deadline !== undefined) {
          expect(scene.results.every(({ settled }) => settled === 1)).toBe(true);
          // The bodies' own timers apart, there is none left.
          expect(scene.clock.pending).toBe(scene.asleep);
        }
        // Queued calls begin as places become free, so more than once.
        for (let round = 0; round < 30 && (scene.alive > 0 || scene.clock.pending > 0); round++) {
          // oxlint-disable-next-line no-await-in-loop
          await scene.release();
          // oxlint-disable-next-line no-await-in-loop
          await scene.clock.advance(200);
        }
        for (const result of scene.results) {
          const { began, settledAt, settled, abortedAt, attempts, outcome } = result;
          expect(settled).toBe(1);
          if (shape.deadline !== undefined) expect(settledAt! - began).toBeLessThanOrEqual(shape.deadline + 1e-6);
          if (abortedAt !== undefined) expect([settledAt, outcome]).toEqual([abortedAt, "thrown SNOWSHED_CANCELED"]);
          else expect(outcome).not.toBe("thrown SNOWSHED_CANCELED");
          expect(attempts.length).toBeLessThanOrEqual(most);
          // Nothing begins for a call that is over.
          expect(attempts.filter((at) => at > settledAt!)).toEqual([]);
          seen.add(outcome.replace(/ of.*| \d+$| attempt.*/u, ""));
        }
        const extra = scene.results.reduce((sum, { attempts }) => sum + Math.max(0, attempts.length - 1), 0);
        expect(extra).toBeLessThanOrEqual(shape.budget);
        expect([...problems]).toEqual([]);
        expect([scene.alive, limiter?.inflight ?? 0, limiter?.queued ?? 0]).toEqual([0, 0, 0]);
        expect(breaker?.left).toBe(breaker?.passed);
        expect(scene.linked).toBe(0);
        expect(scene.clock.pending).toBe(0);
      }),
      { numRuns: 150 },
    );
    // Not a test of pipelines that refuse everything.
    expect([...seen].toSorted()).toEqual(
      expect.arrayContaining([
        "response 200",
        "thrown SNOWSHED_CANCELED",
        "thrown SNOWSHED_CIRCUIT_OPEN",
        "thrown SNOWSHED_DEADLINE_EXCEEDED",
        "thrown SNOWSHED_FATAL",
        "thrown SNOWSHED_LIMIT_EXCEEDED",
        "value",
      ]),
    );
  }, 60_000);
});

/** The same pieces put together by hand, each around the next: slow, and without the limiter, whose place it would lose. */
function byHand(shape: Shape, { breaker, budget }: Pieces, { clock }: Scene): Run {
  type Step = (context: Context) => unknown;
  return (task, { signal }) => {
    let step: Step = task;
    const wrap = (around: (inner: Step) => Step): void => {
      step = around(step);
    };
    if (shape.timeout !== undefined) {
      wrap((inner) => (context) => timeout(inner, shape.timeout!, { signal: context, clock }));
    }
    if (breaker !== undefined) wrap((inner) => (context) => breaker.run(inner, { signal: context }));
    if (shape.hedge !== undefined) {
      wrap((inner) => (context) => hedge(inner, { ...shape.hedge!, budget, signal: context, clock }));
    }
    if (shape.retry !== undefined) {
      const { attempts, wait } = shape.retry;
      const backoff = backoffOf(wait);
      wrap((inner) => (context) => retry(inner, { attempts, backoff, budget, signal: context, clock }));
    }
    return shape.deadline === undefined
      ? // What the pipeline promises of aborts also where no piece does: told at once.
        timeout(step, 1_000_000, { signal, clock })
      : timeout(step, shape.deadline, { signal, clock });
  };
}

/** Times to the microsecond: sums that are made in another order differ in their last digits. */
function rounded(results: readonly Result[]): unknown {
  const round = (at: number | undefined): number | undefined => at && Math.round(at * 1e6) / 1e6;
  return results.map(({ settledAt, outcome, attempts }) => ({
    settledAt: round(settledAt),
    outcome,
    attempts: attempts.map(round),
  }));
}

async function resultsOf(
  shape: Shape,
  all: readonly Caller[],
  make: (pieces: Pieces, scene: Scene) => Run,
  hasSignal: boolean = true,
): Promise<unknown> {
  const scene = new Scene();
  const pieces = piecesOf(shape, scene);
  await scene.play(all, make(pieces, scene), longest, undefined, hasSignal);
  const results = rounded(scene.results);
  for (let round = 0; round < 30 && scene.alive > 0; round++) {
    // oxlint-disable-next-line no-await-in-loop
    await scene.release();
    // oxlint-disable-next-line no-await-in-loop
    await scene.clock.advance(200);
  }
  return results;
}

describe("the same by other means", () => {
  test("the pieces put together by hand: the same outcomes and the same attempts at the same times", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(callers, { minLength: 1, maxLength: 4 }), async (given, all) => {
        // By hand, a hedge counts the refusal of the breaker, and what has no timeout stays in the breaker until it ends.
        const alone = given.hedge === undefined && given.timeout !== undefined;
        const shape: Shape = { ...given, limiter: undefined, breaker: alone ? given.breaker : undefined };
        const expected = await resultsOf(shape, all, (pieces, scene) => byHand(shape, pieces, scene));
        const actual = await resultsOf(shape, all, (pieces, scene) => runOf(pipeline(optionsOf(shape, pieces, scene))));
        expect(actual).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  test("a signal that never aborts: the same outcomes, attempts and events as none at all", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.array(callers, { minLength: 1, maxLength: 6 }), async (given, some) => {
        const shape: Shape = { ...given, deadline: undefined, timeout: undefined, hedge: undefined };
        const all = some.map((caller) => ({ ...caller, aborts: undefined }));
        const play = async (hasSignal: boolean): Promise<unknown> => {
          const events: unknown[] = [];
          const make = (pieces: Pieces, scene: Scene): Run => {
            const note = (event: RetryEvent | GiveUpEvent): void => {
              events.push([Math.round(scene.clock.now() * 1e6), { ...event, error: String(event.error) }]);
            };
            const options = optionsOf(shape, pieces, scene);
            const policy = options.retry;
            if (typeof policy !== "object") return runOf(pipeline(options));
            return runOf(pipeline({ ...options, retry: { ...policy, onRetry: note, onGiveUp: note } }));
          };
          return { results: await resultsOf(shape, all, make, hasSignal), events };
        };
        expect(await play(true)).toEqual(await play(false));
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
