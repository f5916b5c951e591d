// A quota for each of many keys: pace, room, forgetting, refunds, what it costs; and against a Quota for each.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { classify, retryAfter } from "snowshed";
import type { KeyedQuotaOptions } from "snowshed/throttle";
import { KeyedQuota, Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { installHooks } from "../../src/hooks.ts";
import { clock, useFakeTime } from "../support/fake-time.ts";
import { RecordedHooks } from "../support/recorded-hooks.ts";

useFakeTime();

function quotaOf(options: Partial<KeyedQuotaOptions> = {}): KeyedQuota {
  return new KeyedQuota({ limits: [{ requests: 10, per: "1s" }], clock, ...options });
}

const passes = (quota: KeyedQuota, key: string, weight?: number) => quota.tryPermit(key, weight) !== undefined;

describe("a key", () => {
  test("has its own pace and burst", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1s", burst: 2 }] });
    expect(["a", "a", "a", "b"].map((key) => passes(quota, key))).toEqual([true, true, false, true]);
    expect([quota.wait("a"), quota.wait("b"), quota.wait("c")]).toEqual([100, 0, 0]);
    expect([quota.available("a"), quota.available("b"), quota.available("c")]).toEqual([0, 1, 2]);
    await clock.advance(100);
    expect([passes(quota, "a"), passes(quota, "a"), quota.available("b")]).toEqual([true, false, 2]);
  });

  test("is kept within all limits", async () => {
    const limits = [
      { requests: 10, per: "1s", burst: 10 },
      { requests: 12, per: "1m", burst: 12 },
    ] as const;
    const quota = quotaOf({ limits });
    let passed = 0;
    for (let round = 0; round < 20; round++) {
      while (passes(quota, "a")) passed++;
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(100);
    }
    expect(passed).toBe(12);
    expect(quota.wait("a", 10)).toBe(48_000);
  });

  test("spends what a call weighs, and more than its burst when nothing is owed", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1s", burst: 3 }] });
    expect([passes(quota, "a", 5), passes(quota, "a"), quota.available("a")]).toEqual([true, false, 0]);
    expect([quota.wait("a"), quota.wait("a", 3), quota.wait("a", 10)]).toEqual([300, 500, 500]);
    await clock.advance(300);
    expect(quota.tryPermit("a")?.weight).toBe(1);
  });

  test("may be any text", () => {
    const quota = quotaOf();
    for (const key of ["", "__proto__", "constructor", "\u{d800}", "a".repeat(1000)]) {
      expect([passes(quota, key), passes(quota, key)]).toEqual([true, false]);
    }
    expect(quota.size).toBe(5);
  });

  test("gets back what was not used, once, and no more than is still owed", async () => {
    const quota = quotaOf();
    const first = quota.tryPermit("a");
    first?.refund();
    first?.refund();
    const second = quota.tryPermit("a");
    expect([second !== undefined, passes(quota, "a")]).toEqual([true, false]);
    await clock.advance(100);
    expect(passes(quota, "a")).toBe(true);
    second?.refund(); // Its time has come back already, and was spent.
    expect(passes(quota, "a")).toBe(false);
    second?.[Symbol.dispose]();
    expect(passes(quota, "a")).toBe(false);
  });

  test("that was forgotten gets nothing back", async () => {
    const quota = quotaOf({ maxKeys: 1 });
    const permit = quota.tryPermit("a");
    await clock.advance("2s");
    expect(passes(quota, "b")).toBe(true);
    permit?.refund();
    expect([quota.size, passes(quota, "b"), passes(quota, "a")]).toEqual([1, false, false]);
  });

  test("runs a task, or is refused with the time to wait", async () => {
    const quota = quotaOf({ name: "tenants", maxKeys: 1 });
    expect(await quota.run("a", () => 42)).toBe(42);
    let ran = false;
    const error: unknown = await quota.run("a", () => (ran = true)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "SNOWSHED_LIMIT_EXCEEDED",
      message: 'refused by the quota of "tenants": a wait of 100 ms',
    });
    expect([ran, retryAfter(error), classify(error)]).toEqual([false, 100, "overload"]);
    await expect(quota.run("b", () => 1)).rejects.toThrow('refused by the quota of "tenants": 1 keys already');
    const failing = quota.run("a", () => Promise.reject(new Error("of the task")));
    await expect(failing).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    await clock.advance(100);
    await expect(quota.run("a", () => Promise.reject(new Error("of the task")))).rejects.toThrow("of the task");
  });

  test("is seen by hooks", () => {
    const recorded = new RecordedHooks();
    const previous = installHooks(recorded);
    try {
      quotaOf().tryPermit("a");
    } finally {
      installHooks(previous);
    }
    expect(recorded.problems).toEqual([]);
    expect(recorded.events).toHaveLength(1);
  });
});

describe("room", () => {
  test("is refused to a new key while those that are remembered owe something, and given when one does not", async () => {
    const quota = quotaOf({ maxKeys: 2 });
    expect(["a", "b", "c"].map((key) => passes(quota, key))).toEqual([true, true, false]);
    expect(quota.inspect()).toEqual({ keys: 2, maxKeys: 2, refusedForRoom: 1 });
    const wait = quota.wait("c");
    expect(wait).toBeGreaterThanOrEqual(100);
    expect(wait).toBeLessThan(102);
    await clock.advance(50);
    expect([passes(quota, "a"), passes(quota, "c")]).toEqual([false, false]);
    await clock.advance(wait - 50);
    expect([passes(quota, "c"), passes(quota, "a"), passes(quota, "b")]).toEqual([true, true, false]);
    expect(quota.inspect()).toEqual({ keys: 2, maxKeys: 2, refusedForRoom: 3 });
  });

  test("is never made by forgetting what is owed: no key gets more by coming with others", async () => {
    const quota = quotaOf({ limits: [{ requests: 1, per: "1m", burst: 5 }], maxKeys: 10 });
    let passed = 0;
    for (let round = 0; round < 500; round++) {
      if (passes(quota, "a")) passed++;
      passes(quota, `other ${round}`);
      // oxlint-disable-next-line no-await-in-loop
      if (round % 10 === 0) await clock.advance("1s");
    }
    expect(passed).toBe(5);
  });

  test("is made by all that have come to nothing, also after a long time, in any order", async () => {
    const quota = quotaOf({ limits: [{ requests: 1, per: "1s", burst: 100 }], maxKeys: 100 });
    for (let key = 0; key < 100; key++) passes(quota, `${key}`, 1);
    for (const pause of ["1h", "1ms", "3s", "24000h"] as const) {
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(pause);
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance("2s");
      let passed = 0;
      for (let key = 0; key < 200; key++) if (passes(quota, `${pause} ${key}`)) passed++;
      expect(passed).toBe(100);
    }
  });

  test("is made as others come, before it is wanted", async () => {
    const quota = quotaOf();
    for (let key = 0; key < 20; key++) passes(quota, `${key}`);
    await clock.advance("1m");
    for (let call = 0; call < 12; call++) {
      passes(quota, "a");
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(100);
    }
    expect(quota.size).toBe(1);
  });

  test("is there within a thousandth of the limit after the time, also if it was asked for just before", async () => {
    const quota = quotaOf({ limits: [{ requests: 10, per: "1000s" }], maxKeys: 1 });
    passes(quota, "a");
    await clock.advance("99.9s");
    expect(passes(quota, "b")).toBe(false);
    await clock.advance("1.1s");
    expect(passes(quota, "b")).toBe(true);
  });

  test("is not taken by what a key was cut out of", () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const held = (make: (text: string) => string): number => {
      const quota = quotaOf();
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      const kept: string[] = [];
      for (let key = 0; key < 1000; key++) {
        const text = make(`${Buffer.alloc(20_000, "x").toString("latin1")}tenant-number-${key}`.slice(20_000));
        kept.push(text);
        quota.tryPermit(text);
      }
      const given = kept.length;
      kept.length = 0;
      collectGarbage();
      const growth = process.memoryUsage().heapUsed - before;
      expect([quota.size, given]).toEqual([1000, 1000]);
      return growth;
    };
    const names = new Set<string>();
    // That it can be seen: a set keeps what it is given.
    const keeping = held((text) => {
      names.add(text);
      return `tenant ${names.size}`;
    });
    expect(keeping).toBeGreaterThan(10_000_000);
    names.clear();
    expect(held((text) => text)).toBeLessThan(5_000_000);
  });

  test("is bounded, whatever comes: more than a million keys, at once and over time", async () => {
    const maxKeys = 5000;
    const quota = quotaOf({ maxKeys });
    let [passed, most] = [0, 0];
    for (let key = 0; key < 1_200_000; key++) {
      if (passes(quota, `tenant ${key}`)) passed++;
      most = Math.max(most, quota.size);
      // oxlint-disable-next-line no-await-in-loop
      if (key % 20_000 === 19_999) await clock.advance(150);
    }
    expect(most).toBe(maxKeys);
    // A rest of 150 ms is enough for all of them to be forgotten.
    expect(passed).toBe(60 * maxKeys);
    expect(quota.inspect().refusedForRoom).toBe(1_200_000 - passed);
  });
});

describe("against a Quota for each key", () => {
  const anyCalls = fc.array(
    fc.record({
      key: fc.constantFrom("a", "b", "c", "d", "e"),
      weight: fc.integer({ min: 1, max: 6 }),
      after: fc.nat(300),
      refund: fc.boolean(),
    }),
    { maxLength: 120 },
  );
  const anyLimits = fc.array(
    fc.record({
      requests: fc.integer({ min: 6, max: 50 }),
      per: fc.constantFrom<("1s" | "3s" | "1m")[]>("1s", "3s", "1m"),
      burst: fc.integer({ min: 1, max: 8 }),
    }),
    { minLength: 1, maxLength: 2 },
  );

  test("it decides the same while there is room, and never more when there is none", async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(anyLimits, anyCalls, fc.integer({ min: 1, max: 6 }), async (limits, calls, maxKeys) => {
        const keyed = new KeyedQuota({ limits, maxKeys, clock });
        const naive = new Map<string, Quota>();
        for (const { key, weight, after, refund } of calls) {
          // oxlint-disable-next-line no-await-in-loop
          await clock.advance(after);
          const quota = naive.get(key) ?? new Quota({ limits, clock });
          naive.set(key, quota);
          const before = keyed.inspect().refusedForRoom;
          const expected = quota.inspect().limits.map(({ available }) => available);
          const available = keyed.available(key);
          const wait = keyed.wait(key, weight);
          const permit = keyed.tryPermit(key, weight);
          const forRoom = keyed.inspect().refusedForRoom > before;
          if (forRoom) refused++;
          expect(keyed.size).toBeLessThanOrEqual(maxKeys);
          expect(wait > 0).toBe(permit === undefined);
          if (forRoom) {
            expect(maxKeys).toBeLessThan(5);
            continue;
          }
          expect(available).toBe(Math.min(...expected));
          const naively = quota.tryPermit(weight);
          expect(permit !== undefined).toBe(naively !== undefined);
          if (!refund) continue;
          permit?.refund();
          naively?.refund();
        }
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test("passes just when it says", async () => {
    await fc.assert(
      fc.asyncProperty(anyLimits, fc.integer({ min: 1, max: 6 }), async (limits, weight) => {
        const microseconds = { ...methodsOf(), ahead: 0, now: () => clock.now() + microseconds.ahead };
        const keyed = new KeyedQuota({ limits, clock: microseconds });
        while (keyed.tryPermit("a") !== undefined);
        const wait = keyed.wait("a", weight);
        microseconds.ahead += wait - 0.001;
        expect(keyed.tryPermit("a", weight)).toBeUndefined();
        expect(Math.round(keyed.wait("a", weight) * 1000)).toBeGreaterThanOrEqual(1);
        microseconds.ahead += 0.002;
        expect(keyed.tryPermit("a", weight)).toBeDefined();
      }),
    );
  });
});

function methodsOf() {
  return {
    date: () => clock.date(),
    random: () => clock.random(),
    setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
  };
}

describe("misuse", () => {
  const refused: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });

  test.each([
    { limits: [] },
    { limits: [{ requests: -1, per: "1s" }] },
    { limits: [{ requests: 1, per: Number.POSITIVE_INFINITY }] },
    { maxKeys: 0 },
    { maxKeys: -1 },
    { maxKeys: 1.5 },
    { maxKeys: Number.NaN },
    { maxKeys: Number.POSITIVE_INFINITY },
    { maxKeys: 2 ** 23 + 1 },
  ])("is refused when built: %j", (options) => {
    expect(() => quotaOf(options as unknown as Partial<KeyedQuotaOptions>)).toThrow(refused);
  });

  test("of a call is refused, and leaves nothing behind", async () => {
    const quota = quotaOf();
    for (const weight of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => quota.tryPermit("a", weight)).toThrow(refused);
      expect(() => quota.wait("a", weight)).toThrow(refused);
    }
    for (const key of [undefined, 1, {}, Symbol("a")]) {
      expect(() => quota.tryPermit(key as string)).toThrow(refused);
      expect(() => quota.available(key as string)).toThrow(refused);
    }
    expect(() => quota.tryPermit("a", 11)).toThrow(expect.objectContaining({ code: "SNOWSHED_NEVER_FITS" }) as Error);
    await expect(quota.run("a", 42 as unknown as () => number)).rejects.toEqual(refused);
    expect(quota.size).toBe(0);
  });
});
