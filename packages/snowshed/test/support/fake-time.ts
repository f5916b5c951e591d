import { Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeEach, expect } from "vitest";

/** Of the running test, after {@link useFakeTime}. Live bindings: read them in tests, do not keep them. */
// oxlint-disable-next-line import/no-mutable-exports
export let clock: FakeClock;
/** A root context in that clock. */
// oxlint-disable-next-line import/no-mutable-exports
export let root: Context;

/** Gives each test of the file a clock of its own, and fails one that leaves a timer behind. */
export function useFakeTime(): void {
  beforeEach(() => {
    clock = new FakeClock();
    root = Context.root({ clock });
  });

  afterEach(() => {
    expect(clock.pending).toBe(0);
  });
}
