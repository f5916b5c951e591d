import type { Clock } from "snowshed";
import { Context, systemClock } from "snowshed";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";

const longest = 2 ** 31 - 1;

// The platform's timers are replaced, with all their limits: no test here waits, and none depends on the machine.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"], now: 1_000_000 });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("the system clock", () => {
  test("measures by the monotonic clock and dates by the wall clock", () => {
    const [now, date] = [systemClock.now(), systemClock.date()];
    expect(date).toBe(1_000_000);
    vi.setSystemTime(5_000_000);
    expect(systemClock.date()).toBe(5_000_000);
    expect(systemClock.now()).toBe(now);
    vi.advanceTimersByTime(40);
    expect(systemClock.now()).toBe(now + 40);
  });

  test("takes chance from the platform", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.25);
    expect(systemClock.random()).toBe(0.25);
  });

  test("calls back once, when the time has come", () => {
    const callback = vi.fn<() => void>();
    systemClock.setTimeout(callback, 100);
    vi.advanceTimersByTime(99);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(10_000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("does not call back when canceled, and canceling again or later does nothing", () => {
    const callback = vi.fn<() => void>();
    const cancel = systemClock.setTimeout(callback, 100);
    cancel();
    cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(callback).not.toHaveBeenCalled();
    const cancelLate = systemClock.setTimeout(callback, 100);
    vi.advanceTimersByTime(100);
    cancelLate();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test.for([0, -1, -Infinity, Number.NaN])("calls back soon, and not inside the call, for a delay of %s", (ms) => {
    const callback = vi.fn<() => void>();
    systemClock.setTimeout(callback, ms);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("sets no timer for Infinity", () => {
    const cancel = systemClock.setTimeout(() => {}, Infinity);
    expect(vi.getTimerCount()).toBe(0);
    cancel();
  });
});

describe("timers that are longer than the platform's", () => {
  test("fire at once on the platform itself: the control", () => {
    const callback = vi.fn<() => void>();
    setTimeout(callback, longest + 1);
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test.for([longest, longest + 1, 3.6e9, 2 * longest + 1, 10 * longest])("fire after %s ms, not before", (ms) => {
    const callback = vi.fn<() => void>();
    systemClock.setTimeout(callback, ms);
    vi.advanceTimersByTime(ms - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test("can be canceled in every piece", () => {
    const callback = vi.fn<() => void>();
    const cancel = systemClock.setTimeout(callback, 3 * longest);
    vi.advanceTimersByTime(longest + 1);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(3 * longest);
    expect(callback).not.toHaveBeenCalled();
  });

  test("keep no process alive in any piece when they are told not to", () => {
    const unref = vi.fn<() => void>();
    const platform = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, ms: number) => {
      const timer = platform(callback, ms);
      vi.spyOn(timer, "unref").mockImplementation(() => {
        unref();
        return timer;
      });
      return timer;
    }) as typeof setTimeout);
    systemClock.setTimeout(() => {}, 3 * longest, false);
    vi.advanceTimersByTime(2 * longest);
    expect(unref).toHaveBeenCalledTimes(3);
    systemClock.setTimeout(() => {}, 100, true);
    systemClock.setTimeout(() => {}, 100);
    expect(unref).toHaveBeenCalledTimes(3);
  });

  test("are those of contexts, too", () => {
    const context = Context.background.withTimeout("1000h");
    vi.advanceTimersByTime(1000 * 3_600_000 - 1);
    expect(context.aborted).toBe(false);
    expect(context.remaining()).toBe(1);
    vi.advanceTimersByTime(1);
    expect(context.aborted).toBe(true);
  });
});

describe("timers that the platform fires early", () => {
  /** A platform whose timers fire `early` ms before their time by the monotonic clock. */
  function early(ms: number): void {
    const platform = performance.now.bind(performance);
    const started = platform();
    vi.spyOn(performance, "now").mockImplementation(() => {
      const passed = platform() - started;
      return started + Math.max(0, passed - ms);
    });
  }

  test.for([0.01, 0.6, 3])("are set again until the time has come: %s ms", (ms) => {
    early(ms);
    const start = systemClock.now();
    const passed: number[] = [];
    const platformPassed: number[] = [];
    setTimeout(() => platformPassed.push(systemClock.now() - start), 100);
    systemClock.setTimeout(() => passed.push(systemClock.now() - start), 100);
    vi.advanceTimersByTime(110);
    // The control: the platform's own timer is early on this clock.
    expect(platformPassed).toEqual([expect.closeTo(100 - ms, 6)]);
    expect(passed).toHaveLength(1);
    expect(passed[0]).toBeGreaterThanOrEqual(100);
  });

  test("leave the deadline of a context in the future until then", () => {
    early(0.5);
    const context = Context.background.withTimeout(100);
    const remaining: number[] = [];
    context.signal.addEventListener("abort", () => remaining.push(context.remaining()));
    vi.advanceTimersByTime(100);
    expect([context.aborted, context.remaining()]).toEqual([false, 0.5]);
    vi.advanceTimersByTime(1);
    expect(remaining).toEqual([0]);
  });
});

test("a clock of one's own needs four methods", () => {
  expectTypeOf(systemClock).toEqualTypeOf<Clock>();
  expectTypeOf<Clock["setTimeout"]>().returns.toEqualTypeOf<() => void>();
  expectTypeOf({ now: () => 0, date: () => 0, random: () => 0, setTimeout: () => () => {} }).toExtend<Clock>();
  expectTypeOf({ now: () => 0, date: () => 0, random: () => 0, setTimeout: () => 1 }).not.toExtend<Clock>();
  expectTypeOf({ now: () => 0 }).not.toExtend<Clock>();
});
