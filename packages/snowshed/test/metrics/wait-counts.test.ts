import { expect, test } from "vitest";
import { waitBounds, WaitCounts } from "../../src/metrics/wait-counts.ts";

test("a wait as long as a bound is at most that; one longer than all comes last", () => {
  for (const [index, bound] of waitBounds.entries()) {
    const waits = new WaitCounts();
    waits.add(bound);
    waits.add(bound + 1e-9);
    expect([waits.counts[index], waits.counts[index + 1]]).toEqual([1, 1]);
  }
  const waits = new WaitCounts();
  for (const seconds of [0, 1e9]) waits.add(seconds);
  expect([waits.counts[0], waits.counts.at(-1), waits.sum, waits.isEmpty]).toEqual([1, 1, 1e9, false]);
});
