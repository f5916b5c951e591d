import type { Clock } from "snowshed";
import { LoopLag } from "snowshed/http";
import { expect, test } from "vitest";

/** A clock whose timers fire when the test says, however late. */
class LateClock implements Clock {
  time = 0;
  timers: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  date(): number {
    return this.time;
  }

  random(): number {
    return 0;
  }

  setTimeout(callback: () => void, _: number, keepAlive?: boolean): () => void {
    // It must not keep a process running.
    expect(keepAlive).toBe(false);
    this.timers.push(callback);
    return () => {};
  }

  /** Fires the timer of 20 ms this much too late. */
  fire(late: number): void {
    const [timer] = this.timers.splice(0, 1);
    this.time += 20 + late;
    timer!();
  }
}

test("is over target only when it has been at every look for the interval", () => {
  const clock = new LateClock();
  const lag = new LoopLag({ clock });
  const after = (late: number): [number, boolean] => {
    lag.use();
    clock.fire(late);
    return [lag.lag, lag.isOver];
  };
  lag.use();
  expect(after(0)).toEqual([0, false]);
  expect(after(60)).toEqual([60, false]);
  expect(after(70)).toEqual([70, false]);
  // 180 ms after the first late look.
  expect(after(70)).toEqual([70, true]);
  // One look in time ends it.
  expect(after(50)).toEqual([50, false]);
  expect(after(60)).toEqual([60, false]);
});

test("one long pause is no overload", () => {
  const clock = new LateClock();
  const lag = new LoopLag({ clock });
  lag.use();
  clock.fire(5000);
  expect([lag.lag, lag.isOver]).toEqual([5000, false]);
  lag.use();
  clock.fire(1);
  expect(lag.isOver).toBe(false);
});

test("looks only while it is used", () => {
  const clock = new LateClock();
  const lag = new LoopLag({ clock });
  expect(clock.timers.length).toBe(0);
  lag.use();
  lag.use();
  expect(clock.timers.length).toBe(1);
  clock.fire(0);
  // Used since it was armed: once more.
  expect(clock.timers.length).toBe(1);
  clock.fire(0);
  expect(clock.timers.length).toBe(0);
});

test("what it saw before a pause says nothing after it", () => {
  const clock = new LateClock();
  const lag = new LoopLag({ clock });
  lag.use();
  clock.fire(60);
  clock.fire(60);
  expect(clock.timers.length).toBe(0);
  clock.time += 10_000;
  lag.use();
  clock.fire(60);
  expect(lag.isOver).toBe(false);
});

test.each([{ target: -1 }, { target: Number.NaN }, { interval: -1 }, { interval: "soon" }])(
  "%o is refused",
  (options) => {
    expect(() => new LoopLag(options as { target: number })).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
  },
);
