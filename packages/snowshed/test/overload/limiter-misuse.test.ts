// Arguments that make no sense, and what the types accept: refused at the door, with the limiter left as it was.
import type { Duration, LimitAlgorithm, LimiterOptions, LimitPermit, Priority } from "snowshed";
import { Context, fixed, Limiter, Prioritizer } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };

/** What a call throws or rejects with. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    const result = await outcome(Promise.resolve(call()));
    return result.status === "rejected" ? result.reason : `${result.status}; want an error`;
  } catch (error) {
    return error;
  }
}

describe("no limiter is made with", () => {
  test.each<readonly [string, unknown, typeof RangeError | typeof TypeError]>([
    ["a maxQueue of NaN", { maxQueue: Number.NaN }, RangeError],
    ["a fraction of a maxQueue", { maxQueue: 1.5 }, RangeError],
    ["a negative maxQueue", { maxQueue: -1 }, RangeError],
    ["an unsafe maxQueue", { maxQueue: 2 ** 53 }, RangeError],
    ["an endless queue", { maxQueue: Number.POSITIVE_INFINITY }, RangeError],
    ["a maxQueue in words", { maxQueue: "many" }, TypeError],
    ["a maxQueue of null", { maxQueue: null }, TypeError],
    ["a negative target", { queue: { target: -1 } }, RangeError],
    ["a target of NaN", { queue: { target: Number.NaN } }, RangeError],
    ["a target without a unit", { queue: { target: "20" } }, RangeError],
    ["a negative interval", { queue: { interval: "-1ms" } }, RangeError],
    ["an algorithm that is null", { algorithm: null }, TypeError],
    ["an algorithm that is a number", { algorithm: 10 }, TypeError],
    ["an algorithm without sample()", { algorithm: { limit: 10 } }, TypeError],
    ["an algorithm without a limit", { algorithm: { sample() {} } }, TypeError],
    ["an algorithm not yet made", { algorithm: fixed }, TypeError],
    ["a prioritizer that is none", { prioritizer: {} }, TypeError],
    ["a classifier that is none", { classify: "transient" }, TypeError],
  ])("%s", (_name, options, expected) => {
    const make = (): Limiter => new Limiter(options as LimiterOptions);
    expect(make).toThrow(expected);
    expect(make).toThrow(expect.objectContaining(invalid));
  });
});

describe("no prioritizer is made with", () => {
  test.each<readonly [string, object]>([
    ["a share of nothing", { shares: { low: 0 } }],
    ["a negative share", { shares: { low: -0.1 } }],
    ["a share of more than all", { shares: { critical: 1.1 } }],
    ["a share of NaN", { shares: { normal: Number.NaN } }],
    ["a share in words", { shares: { normal: "most" } }],
    ["more for the less important", { shares: { high: 0.5, normal: 0.6, low: 0.5 } }],
    ["a window of nothing", { window: 0 }],
    ["an endless window", { window: Number.POSITIVE_INFINITY }],
    ["a window of NaN", { window: Number.NaN }],
  ])("%s", (_name, options) => {
    expect(() => new Prioritizer(options)).toThrow(expect.objectContaining(invalid));
  });
});

/** One inside, one waiting. */
function inUse(options?: LimiterOptions): { readonly limiter: Limiter; readonly state: () => readonly unknown[] } {
  const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 2, ...options });
  const permit = limiter.tryAcquire();
  const waiting = observe(limiter.acquire());
  return {
    limiter,
    state: () => [limiter.inflight, limiter.queued, limiter.shed, waiting.outcome.status, permit === undefined],
  };
}

describe.each<readonly [string, LimiterOptions]>([
  ["a limiter", {}],
  ["a limiter with a prioritizer", { prioritizer: new Prioritizer() }],
])("%s is left as it was by", (_kind, options) => {
  test.each<readonly [string, unknown]>([
    ["a band that does not exist", "urgent"],
    ["a band that every object has", "toString"],
    ["a number", 1],
    ["null", null],
    ["a band in capitals", "LOW"],
    ["an object without a band", { user: "ada" }],
    ["an object without a user", { band: "low" }],
    ["a user that is a number", { band: "low", user: 7 }],
    ["an object of an unknown band", { band: "urgent", user: "ada" }],
  ])("a priority that is %s", async (_name, value) => {
    const { limiter, state } = inUse(options);
    const before = state();
    const priority = value as Priority;
    for (const call of [
      () => limiter.tryAcquire({ priority }),
      () => limiter.acquire({ priority }),
      () => limiter.run(() => {}, { priority }),
      () => limiter.enter(0, priority),
    ]) {
      const error = await failure(call);
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject(invalid);
    }
    await drained();
    expect(state()).toEqual(before);
  });

  test.each<readonly [string, object]>([
    ["a maxWait of NaN", { maxWait: Number.NaN }],
    ["a maxWait without a unit", { maxWait: "10" }],
    ["a maxWait that is an object", { maxWait: {} }],
    ["a signal that is null", { signal: null }],
    ["a signal that is a text", { signal: "signal" }],
    ["an AbortController", { signal: new AbortController() }],
  ])("%s, also when there is room", async (_name, given) => {
    const { limiter, state } = inUse(options);
    const before = state();
    const roomy = new Limiter({ algorithm: fixed(1), ...options });
    for (const each of [limiter, roomy]) {
      for (const call of [() => each.acquire(given), () => each.run(() => {}, given)]) {
        // A controller has a signal: it is taken for a context of another copy of the package.
        if (!("signal" in given && given.signal instanceof AbortController)) {
          expect(await failure(call)).toMatchObject(invalid);
        }
      }
    }
    await drained();
    expect([state(), roomy.inflight]).toEqual([before, 0]);
  });

  test("a task that is no function", async () => {
    const { limiter, state } = inUse(options);
    const before = state();
    for (const task of [undefined, Promise.resolve(), {}]) {
      expect(await failure(() => limiter.run(task as unknown as () => void))).toMatchObject(invalid);
    }
    await drained();
    expect(state()).toEqual(before);
  });
});

describe("undefined is the same as not given", () => {
  test("in all options", async () => {
    const limiter = new Limiter({
      algorithm: undefined,
      maxQueue: undefined,
      queue: { target: undefined, interval: undefined },
      prioritizer: undefined,
      classify: undefined,
      clock: undefined,
      name: undefined,
    });
    new Prioritizer({ shares: undefined, window: undefined, clock: undefined });
    new Prioritizer({ shares: {} });
    expect(await limiter.run(() => 1, { signal: undefined, maxWait: undefined, priority: undefined })).toBe(1);
    limiter.tryAcquire({ priority: undefined })!.ignore();
    expect(limiter.inflight).toBe(0);
  });
});

describe("the types", () => {
  test("give what the task gives, awaited", () => {
    const limiter = new Limiter();
    expectTypeOf(limiter.run(() => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(limiter.run(async () => "a")).toEqualTypeOf<Promise<string>>();
    expectTypeOf(limiter.tryAcquire()).toEqualTypeOf<LimitPermit | undefined>();
    expectTypeOf(limiter.acquire()).toEqualTypeOf<Promise<LimitPermit>>();
    expectTypeOf<LimitPermit>().toExtend<Disposable>();
    expectTypeOf(fixed(1)).toEqualTypeOf<LimitAlgorithm>();
    expectTypeOf(limiter.limit).toEqualTypeOf<number>();
  });

  test("take a Context where they take an AbortSignal, and refuse what is misspelt", () => {
    expectTypeOf(Limiter.prototype.acquire)
      .parameter(0)
      .toExtend<{ signal?: AbortSignal | Context | undefined; maxWait?: Duration | undefined } | undefined>();
    const never = (limiter: Limiter): void => {
      void limiter.run(({ signal }) => signal.aborted, { signal: Context.background, maxWait: "50ms" });
      void limiter.acquire({ priority: { band: "low", user: "ada" } });
      // @ts-expect-error an unknown band
      void limiter.acquire({ priority: "urgent" });
      // @ts-expect-error days are no unit
      void limiter.acquire({ maxWait: "3d" });
      // @ts-expect-error tryAcquire() does not wait
      void limiter.tryAcquire({ maxWait: "3s" });
      // @ts-expect-error misspelt option
      void new Limiter({ maxqueue: 3 });
      // @ts-expect-error read only: the algorithm decides
      limiter.limit = 3;
      // @ts-expect-error there is no such share
      void new Prioritizer({ shares: { urgent: 1 } });
    };
    expectTypeOf(never).toBeFunction();
  });
});
