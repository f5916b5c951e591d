import fc from "fast-check";
import type { Classification, HedgeOptions } from "snowshed";
import { Context, FatalError, hedge, RetryBudget, SnowshedError, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { runModule } from "../support/child-process.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

useFakeTime();

/** The attempts of a call whose bodies the test settles. */
class Attempts {
  readonly contexts: Context[] = [];
  readonly bodies: Deferred<unknown>[] = [];
  readonly times: number[] = [];
  readonly call: { readonly outcome: unknown };

  constructor(options: Partial<HedgeOptions> = {}) {
    const task = (context: Context, attempt: number): Promise<unknown> => {
      expect(attempt).toBe(this.contexts.push(context));
      this.times.push(clock.now());
      const body = deferred<unknown>();
      this.bodies.push(body);
      return body.promise;
    };
    this.call = observe(hedge(task, { delay: 100, signal: root, ...options }));
  }

  get canceled(): boolean[] {
    return this.contexts.map(aborted);
  }
}

const passing = new TransientError("try again");
const busy = { status: 503, headers: {} };

describe("hedge()", () => {
  test("makes one attempt of what answers before the delay, and leaves no timer", async () => {
    const attempts = new Attempts();
    await clock.advance(99);
    attempts.bodies[0]!.resolve("answer");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "fulfilled", value: "answer" });
    expect([attempts.times, clock.pending]).toEqual([[0], 0]);
  });

  test("begins the next attempt after the delay; the first answer counts and the other is canceled", async () => {
    const attempts = new Attempts();
    await clock.advance("1h");
    expect([attempts.times, attempts.canceled]).toEqual([
      [0, 100],
      [false, false],
    ]);
    attempts.bodies[1]!.resolve("second");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "fulfilled", value: "second" });
    // What the winner returned may have yet to be read.
    expect(attempts.canceled).toEqual([true, false]);
    attempts.bodies[0]!.resolve("too late");
  });

  test("takes the first attempt's answer as well when that comes first after all", async () => {
    const attempts = new Attempts();
    await clock.advance(150);
    attempts.bodies[0]!.resolve("first");
    await drained();
    expect([attempts.call.outcome, attempts.canceled]).toEqual([
      { status: "fulfilled", value: "first" },
      [false, true],
    ]);
  });

  test("makes as many as `attempts` says, one delay after the other", async () => {
    const attempts = new Attempts({ attempts: 4, delay: "1s" });
    await clock.advance("1h");
    expect(attempts.times).toEqual([0, 1000, 2000, 3000]);
    attempts.bodies[2]!.resolve("third");
    await drained();
    expect(attempts.canceled).toEqual([true, true, false, true]);
  });

  test("with a delay of 0 begins all at once, with one of Infinity none but after a failure", async () => {
    const all = new Attempts({ attempts: 3, delay: 0 });
    await clock.advance(0);
    expect(all.times).toEqual([0, 0, 0]);
    all.bodies[0]!.resolve("answer");
    const one = new Attempts({ delay: Number.POSITIVE_INFINITY });
    await clock.advance("10h");
    expect(one.times).toHaveLength(1);
    one.bodies[0]!.reject(passing);
    await drained();
    expect(one.times).toHaveLength(2);
    one.bodies[1]!.resolve("answer");
    await drained();
    expect(one.call.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test("with one attempt is a call like any other", async () => {
    const attempts = new Attempts({ attempts: 1 });
    await clock.advance("1h");
    attempts.bodies[0]!.reject(passing);
    await drained();
    expect([attempts.times, attempts.call.outcome]).toEqual([[0], { status: "rejected", reason: passing }]);
  });

  test("has the type of its task", () => {
    expectTypeOf(hedge(() => 1, { delay: 1 })).toEqualTypeOf<Promise<number>>();
  });
});

describe("a failure in hedge()", () => {
  test("that may pass begins the next attempt at once, and the delay counts from there", async () => {
    const attempts = new Attempts({ attempts: 3 });
    await clock.advance(30);
    attempts.bodies[0]!.reject(passing);
    await clock.advance(1000);
    expect([attempts.times, attempts.canceled]).toEqual([
      [0, 30, 130],
      [true, false, false],
    ]);
    attempts.bodies[1]!.resolve("answer");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test("does not end the call while another attempt may still answer", async () => {
    const attempts = new Attempts();
    await clock.advance(100);
    attempts.bodies[0]!.reject(passing);
    await clock.advance("1h");
    expect([attempts.call.outcome, attempts.times.length]).toEqual([{ status: "pending" }, 2]);
    attempts.bodies[1]!.resolve("answer");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test.each(["fatal", "ignore"] as const)("that is %s ends it, and cancels the rest", async (classification) => {
    const attempts = new Attempts({ attempts: 3, classify: (each) => (each === error ? classification : "ok") });
    const error = new FatalError("no such user");
    await clock.advance(100);
    attempts.bodies[0]!.reject(error);
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "rejected", reason: error });
    expect([attempts.canceled, attempts.times, clock.pending]).toEqual([[true, true], [0, 100], 0]);
  });

  test("by overload begins nothing more: who sheds load is not asked twice", async () => {
    const attempts = new Attempts({ attempts: 3 });
    await clock.advance(100);
    attempts.bodies[0]!.resolve(busy);
    await clock.advance("1h");
    expect([attempts.times, attempts.call.outcome]).toEqual([[0, 100], { status: "pending" }]);
    attempts.bodies[1]!.resolve("answer");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "fulfilled", value: "answer" });
  });

  test("of all attempts ends with the worst, of equals the last", async () => {
    const settle = async (outcomes: readonly unknown[]): Promise<unknown> => {
      const attempts = new Attempts({ attempts: outcomes.length });
      await clock.advance("1m");
      for (const [index, each] of outcomes.entries()) {
        if (each instanceof Error) attempts.bodies[index]!.reject(each);
        else attempts.bodies[index]!.resolve(each);
        await drained();
      }
      return attempts.call.outcome;
    };
    const other = new TransientError("later");
    const full = new SnowshedError("SNOWSHED_LIMIT_EXCEEDED", "full");
    expect(await settle([passing, other])).toEqual({ status: "rejected", reason: other });
    expect(await settle([full, passing])).toEqual({ status: "rejected", reason: full });
    expect(await settle([passing, full])).toEqual({ status: "rejected", reason: full });
    expect(await settle([passing, busy])).toEqual({ status: "fulfilled", value: busy });
    expect(await settle([busy, passing])).toEqual({ status: "fulfilled", value: busy });
  });

  test("that is returned is let go of when another is better; the answer and the last word are not", async () => {
    const canceled: string[] = [];
    const response = (name: string, status: number): Response =>
      new Response(new ReadableStream({ cancel: () => void canceled.push(name) }), { status });
    const attempts = new Attempts({ attempts: 3 });
    await clock.advance(200);
    attempts.bodies[0]!.resolve(response("refused", 504));
    await drained();
    attempts.bodies[1]!.resolve(response("answer", 200));
    await drained();
    attempts.bodies[2]!.resolve(response("too late", 200));
    await drained();
    expect(canceled.toSorted()).toEqual(["refused", "too late"]);
    canceled.length = 0;
    const last = new Attempts();
    await clock.advance(100);
    const refusals = [response("first", 503), response("second", 503)];
    for (const [index, body] of last.bodies.entries()) {
      body.resolve(refusals[index]);
      await drained();
    }
    expect(last.call.outcome).toEqual({ status: "fulfilled", value: refusals[1] });
    expect([canceled, last.canceled]).toEqual([["first"], [true, false]]);
  });

  test("that is thrown before the task returns a promise is a failure like another", async () => {
    const thrown: number[] = [];
    const task = (_context: Context, attempt: number): string => {
      thrown.push(attempt);
      if (attempt === 1) throw passing;
      return "answer";
    };
    expect(await hedge(task, { delay: 100, signal: root })).toBe("answer");
    expect([thrown, clock.pending]).toEqual([[1, 2], 0]);
  });

  test("of the classifier ends the call, and its error tells both stories", async () => {
    const attempts = new Attempts({
      classify: () => {
        throw new Error("broken");
      },
    });
    await clock.advance(100);
    attempts.bodies[0]!.reject(passing);
    await drained();
    expect(attempts.call.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CLASSIFIER_FAILED" } });
    expect(attempts.canceled).toEqual([true, true]);
  });
});

describe("canceling hedge()", () => {
  test("cancels all attempts and settles at once, even if they take no notice", async () => {
    const context = root.withCancel();
    const attempts = new Attempts({ signal: context, attempts: 3 });
    await clock.advance(100);
    context.cancel("the client went away");
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "rejected", reason: context.reason });
    expect([attempts.canceled, clock.pending]).toEqual([[true, true], 0]);
  });

  test("lets go of a refusal that was kept in case nothing better came", async () => {
    let canceled = 0;
    const context = root.withCancel();
    const attempts = new Attempts({ signal: context });
    await clock.advance(100);
    const body = new ReadableStream({ cancel: () => void canceled++ });
    attempts.bodies[0]!.resolve(new Response(body, { status: 503 }));
    await drained();
    expect([canceled, attempts.call.outcome]).toEqual([0, { status: "pending" }]);
    context.cancel();
    await drained();
    expect(canceled).toBe(1);
  });

  test("beforehand refuses", async () => {
    let calls = 0;
    const call = hedge(() => calls++, { delay: 1, signal: AbortSignal.abort() });
    expect(await outcome(call)).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CANCELED" } });
    expect(calls).toBe(0);
  });

  test("from inside an attempt ends it, too", async () => {
    const context = root.withCancel();
    const call = hedge(
      () => {
        context.cancel();
        return "answer";
      },
      { delay: 100, signal: context },
    );
    expect(await outcome(call)).toEqual({ status: "rejected", reason: context.reason });
  });

  test("leaves nothing behind in a parent that lives on, however the calls end", async () => {
    const parent = root.withCancel();
    for (let call = 0; call < 100; call++) {
      const attempts = new Attempts({ signal: parent, attempts: 3 });
      await clock.advance(200);
      attempts.bodies[call % 3]!.resolve(call % 2 === 0 ? "answer" : busy);
      if (call % 5 === 0) attempts.bodies[(call + 1) % 3]!.reject(new FatalError("no"));
      for (const body of attempts.bodies) body.reject(passing);
      await drained();
    }
    expect([parent.scope.head, clock.pending]).toEqual([null, 0]);
  });

  test("makes losers that fail late no unhandled rejections", async () => {
    const { stdout, stderr, code } = await runModule(`
      const { hedge } = await import("snowshed");
      process.on("unhandledRejection", () => console.log("unhandled"));
      const late = (settle) => new Promise((resolve, reject) => setTimeout(() => settle(resolve, reject), 30));
      console.log(await hedge((context, attempt) =>
        attempt === 1 ? late((resolve, reject) => reject(new Error("late"))) : "second", { delay: 5 }));
      await late((resolve) => resolve());
      await new Promise((resolve) => setTimeout(resolve, 30));
      console.log("end");
    `);
    expect([stdout.trim().split("\n"), stderr, code]).toEqual([["second", "end"], "", 0]);
  });
});

describe("the budget of hedge()", () => {
  test("is paid in by each call once, and drawn on by each further attempt", async () => {
    const budget = new RetryBudget({ clock, ratio: 0.5, minimumPerSecond: 0 });
    const calls = Array.from({ length: 4 }, () => new Attempts({ budget, attempts: 3 }));
    expect(budget.balance).toBe(2);
    await clock.advance(100);
    expect([calls.map(({ times }) => times.length), budget.balance]).toEqual([[2, 2, 1, 1], 0]);
    await clock.advance("1s");
    expect(calls.map(({ times }) => times.length)).toEqual([2, 2, 1, 1]);
    for (const { bodies } of calls) for (const { resolve } of bodies) resolve("answer");
  });

  test("that is empty makes the only failure the call's own", async () => {
    const budget = new RetryBudget({ clock, ratio: 0, minimumPerSecond: 0 });
    const attempts = new Attempts({ budget });
    attempts.bodies[0]!.reject(passing);
    await drained();
    expect(attempts.call.outcome).toEqual({ status: "rejected", reason: passing });
    expect(clock.pending).toBe(0);
  });
});

describe("hedge(), whatever ends how and when", () => {
  test("settles, with an outcome of its attempts, and leaves no timer, no link and no loser that is not canceled", async () => {
    const kinds = ["ok", "transient", "overload", "fatal", "ignore"] as const;
    const body = fc.record({
      takes: fc.integer({ min: 0, max: 40 }),
      kind: fc.constantFrom<Classification>(...kinds),
      failed: fc.boolean(),
    });
    const scenario = fc.record({
      bodies: fc.array(body, { minLength: 1, maxLength: 5 }),
      delay: fc.integer({ min: 0, max: 30 }),
      cancelAt: fc.option(fc.integer({ min: 1, max: 80 })),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ bodies, delay, cancelAt }) => {
        const own = new FakeClock();
        const bodiesRoot = Context.root({ clock: own });
        const parent = bodiesRoot.withCancel();
        const contexts: Context[] = [];
        const outcomes = bodies.map((each) => ({ ...each, error: new Error(each.kind) }));
        const ended = new Set<unknown>();
        const task = async (context: Context, attempt: number): Promise<unknown> => {
          contexts.push(context);
          const each = outcomes[attempt - 1]!;
          await bodiesRoot.sleep(each.takes);
          ended.add(each);
          if (each.failed) throw each.error;
          return each;
        };
        const classify = (each: unknown): Classification =>
          outcomes.find((known) => known === each || known.error === each)!.kind;
        const call = observe(hedge(task, { delay, attempts: bodies.length, classify, signal: parent }));
        if (cancelAt !== null) own.setTimeout(() => parent.cancel(), cancelAt);
        await own.advance("1s");
        expect(contexts.length).toBeLessThanOrEqual(bodies.length);
        expect([own.pending, parent.scope.head]).toEqual([0, null]);
        if (call.outcome.status === "fulfilled") {
          expect([...ended]).toContain(call.outcome.value);
          const winner = outcomes.indexOf(call.outcome.value as (typeof outcomes)[number]);
          expect(contexts.map(aborted)).toEqual(contexts.map((_context, index) => index !== winner));
        } else {
          expect(call.outcome.status).toBe("rejected");
          expect(contexts.every(aborted)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function aborted(context: Context): boolean {
  return context.aborted;
}

test.each([
  [{}, "delay must be"],
  [{ delay: -1 }, "delay must be at least 0; received -1 (number)"],
  [{ delay: Number.NaN }, "delay must be"],
  [{ delay: "soon" }, "delay must be"],
  [{ delay: 1, attempts: 0 }, "attempts must be an integer of at least 1; received 0 (number)"],
  [{ delay: 1, attempts: 1.5 }, "attempts must be"],
  [{ delay: 1, attempts: Number.NaN }, "attempts must be"],
  [{ delay: 0, attempts: Number.POSITIVE_INFINITY }, "attempts must be"],
  [{ delay: 1, budget: {} }, "budget must be a RetryBudget"],
  [{ delay: 1, classify: "ok" }, "classify must be a function"],
  [{ delay: 1, signal: {} }, "signal must be"],
  [undefined, "options must be an object"],
  [100, "options must be an object; received 100 (number)"],
])("options %j are refused before the task is run", async (options, message) => {
  let calls = 0;
  const call = hedge(() => calls++, options as HedgeOptions);
  await expect(call).rejects.toThrow(message);
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  expect(calls).toBe(0);
});
