import * as fc from "fast-check";
import type { Clock, Duration } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";

describe("the time of a FakeClock", () => {
  test("begins at 0, its date at start, and stands still", async () => {
    const clock = new FakeClock({ start: 1_700_000_000_000 });
    expect([clock.now(), clock.date()]).toEqual([0, 1_700_000_000_000]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([clock.now(), clock.date()]).toEqual([0, 1_700_000_000_000]);
    expect(new FakeClock().date()).toBe(0);
  });

  test("moves by exactly what it is told", async () => {
    const clock = new FakeClock({ start: 500 });
    await clock.advance("1.5s");
    await clock.advance(0.25);
    await clock.advance(0);
    expect([clock.now(), clock.date()]).toEqual([1500.25, 2000.25]);
  });

  test.for<unknown>([-1, "-1s", -Infinity, Infinity, Number.NaN, "soon", null, undefined])(
    "does not move by %j, and stays usable",
    async (duration) => {
      const clock = new FakeClock();
      let fired = 0;
      clock.setTimeout(() => fired++, 5);
      await expect(clock.advance(duration as Duration)).rejects.toThrow(
        expect.objectContaining({ name: "RangeError", code: "SNOWSHED_INVALID_ARGUMENT" }),
      );
      expect([clock.now(), clock.pending, fired]).toEqual([0, 1, 0]);
      await clock.advance(5);
      expect([clock.now(), clock.pending, fired]).toEqual([5, 0, 1]);
    },
  );

  test.for<[object, string]>([
    [{ start: Number.NaN }, "start"],
    [{ start: Infinity }, "start"],
    [{ start: "2026-11-23" }, "start"],
    [{ seed: Number.NaN }, "seed"],
    [{ seed: 1.5 }, "seed"],
    [{ seed: "1" }, "seed"],
    [{ seed: 2 ** 53 }, "seed"],
  ])("cannot begin with %j", ([options, name]) => {
    const make = (): FakeClock => new FakeClock(options);
    expect(make).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
    expect(make).toThrow(new RegExp(`^${name} must be`));
  });
});

describe("the timers of a FakeClock", () => {
  test("run in the order of their times, each at its own time, equal ones as they were set", async () => {
    const clock = new FakeClock();
    const ran: [string, number][] = [];
    for (const [name, ms] of Object.entries({ a: 30, b: 10, c: 30, d: 0, e: 10 })) {
      clock.setTimeout(() => ran.push([name, clock.now()]), ms);
    }
    expect(clock.pending).toBe(5);
    await clock.advance(29);
    expect(ran).toEqual([
      ["d", 0],
      ["b", 10],
      ["e", 10],
    ]);
    expect([clock.now(), clock.pending]).toEqual([29, 2]);
    await clock.advance(1);
    expect(ran.slice(3)).toEqual([
      ["a", 30],
      ["c", 30],
    ]);
  });

  test("set on the way run on the way, also those that follow from promises", async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimeout(resolve, ms));
    const work = (async () => {
      for (let index = 0; index < 5; index++) {
        for (let hop = 0; hop < 50; hop++) await Promise.resolve();
        await sleep(10);
        ran.push(clock.now());
      }
    })();
    await clock.advance(40);
    expect([ran, clock.now(), clock.pending]).toEqual([[10, 20, 30, 40], 40, 1]);
    await clock.advance(10);
    await work;
    expect(ran).toHaveLength(5);
  });

  test("have all microtasks behind them when advance() resolves", async () => {
    const clock = new FakeClock();
    let hops = 0;
    clock.setTimeout(() => {
      void (async () => {
        for (; hops < 1000; hops++) await Promise.resolve();
      })();
    }, 1);
    await clock.advance(1);
    expect(hops).toBe(1000);
  });

  test("never run inside setTimeout(), nor before advance() is called", async () => {
    const clock = new FakeClock();
    let fired = false;
    clock.setTimeout(() => {
      fired = true;
    }, 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(fired).toBe(false);
    await clock.advance(0);
    expect(fired).toBe(true);
  });

  test("can be canceled, also by another one of the same time, and more than once", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.setTimeout(() => {
      ran.push("first");
      cancelSecond();
      cancelSecond();
    }, 10);
    const cancelSecond = clock.setTimeout(() => ran.push("second"), 10);
    const cancelThird = clock.setTimeout(() => ran.push("third"), 10);
    await clock.advance(10);
    cancelThird();
    expect([ran, clock.pending]).toEqual([["first", "third"], 0]);
  });

  test.for([-5, -Infinity, Number.NaN])("of %s ms run like those of 0 ms, and block no other", async (ms) => {
    const clock = new FakeClock();
    await clock.advance(100);
    const ran: unknown[] = [];
    clock.setTimeout(() => ran.push(ms, clock.now()), ms);
    clock.setTimeout(() => ran.push("after"), 1);
    await clock.advance(1);
    expect(ran).toEqual([ms, 100, "after"]);
  });

  test("are not set for Infinity", async () => {
    const clock = new FakeClock();
    const cancel = clock.setTimeout(() => expect.unreachable(), Infinity);
    expect(clock.pending).toBe(0);
    cancel();
    await clock.advance(Number.MAX_SAFE_INTEGER);
  });

  test("may be longer than the platform's", async () => {
    const clock = new FakeClock();
    let fired = 0;
    clock.setTimeout(() => fired++, 2 ** 31 + 5);
    await clock.advance(2 ** 31 + 4);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect(fired).toBe(1);
  });

  test("that throw make advance() reject at their time; the others remain", async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    clock.setTimeout(() => {
      throw new Error("broken timer");
    }, 10);
    clock.setTimeout(() => ran.push(clock.now()), 20);
    await expect(clock.advance(30)).rejects.toThrow("broken timer");
    expect([clock.now(), clock.pending, ran]).toEqual([10, 1, []]);
    await clock.advance(10);
    expect(ran).toEqual([20]);
  });

  test("run once each, in order and never backwards, when several callers advance at the same time", async () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    for (const ms of [5, 15, 25, 35]) clock.setTimeout(() => ran.push(clock.now()), ms);
    await Promise.all([clock.advance(10), clock.advance(30), clock.advance(20)]);
    expect([ran, clock.now(), clock.pending]).toEqual([[5, 15, 25], 30, 1]);
    await Promise.all([clock.advance(4), clock.advance(1)]);
    expect(clock.now()).toBe(34);
  });
});

describe("the timers of a FakeClock agree with a naive list", () => {
  interface NaiveTimer {
    readonly id: number;
    readonly due: number;
    state: "set" | "ran" | "canceled";
  }
  const operation = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), ms: fc.integer({ min: -2, max: 9 }) }),
    fc.record({ kind: fc.constant("cancel" as const), index: fc.nat(9) }),
    fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 6 }) }),
  );

  test("whatever is set, canceled and advanced", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 20 }), async (operations) => {
        const clock = new FakeClock();
        const ran: [number, number][] = [];
        const cancels: (() => void)[] = [];
        const timers: NaiveTimer[] = [];
        const wanted: [number, number][] = [];
        let now = 0;
        for (const step of operations) {
          if (step.kind === "set") {
            const id = timers.length;
            cancels.push(clock.setTimeout(() => ran.push([id, clock.now()]), step.ms));
            timers.push({ id, due: now + Math.max(0, step.ms), state: "set" });
          } else if (step.kind === "cancel") {
            cancels[step.index]?.();
            const timer = timers[step.index];
            if (timer?.state === "set") timer.state = "canceled";
          } else {
            await clock.advance(step.ms);
            now += step.ms;
            const due = timers.filter((timer) => timer.state === "set" && timer.due <= now);
            for (const timer of due.toSorted((a, b) => a.due - b.due || a.id - b.id)) {
              timer.state = "ran";
              wanted.push([timer.id, timer.due]);
            }
          }
          expect(ran).toEqual(wanted);
          expect(clock.now()).toBe(now);
          expect(clock.pending).toBe(timers.filter((timer) => timer.state === "set").length);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("the chance of a FakeClock", () => {
  const draw = (seed: number | undefined, count: number): number[] => {
    const clock = new FakeClock(seed === undefined ? {} : { seed });
    return Array.from({ length: count }, () => clock.random());
  };

  test("is the same sequence for the same seed, 1 by default, another for another", () => {
    expect(draw(7, 100)).toEqual(draw(7, 100));
    expect(draw(undefined, 100)).toEqual(draw(1, 100));
    expect(draw(7, 100)).not.toEqual(draw(8, 100));
    expect(draw(0, 3)).not.toEqual(draw(1, 3));
    expect(draw(-1, 100)).toEqual(draw(2 ** 32 - 1, 100));
  });

  test("is the same sequence on every machine", () => {
    expect(draw(42, 3)).toEqual([0.6011037519201636, 0.44829055899754167, 0.8524657934904099]);
  });

  test("is spread evenly over [0, 1)", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 32 }), (seed) => {
        const drawn = draw(seed, 2000);
        expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
        const tenths = Array.from(
          { length: 10 },
          (_, tenth) => drawn.filter((n) => Math.floor(n * 10) === tenth).length,
        );
        // 200 expected in each; nine standard deviations would be a broken generator, not bad luck.
        expect(Math.min(...tenths)).toBeGreaterThan(80);
        expect(Math.max(...tenths)).toBeLessThan(320);
      }),
      { numRuns: 20 },
    );
  });
});

test("a FakeClock is a Clock, and its options are checked by the compiler", () => {
  expectTypeOf<FakeClock>().toExtend<Clock>();
  expectTypeOf<FakeClock["advance"]>().parameters.toEqualTypeOf<[Duration]>();
  expectTypeOf<FakeClock["pending"]>().toEqualTypeOf<number>();
  // @ts-expect-error the date is in milliseconds
  expect(() => new FakeClock({ start: new Date() })).toThrow(RangeError);
});
