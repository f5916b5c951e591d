// Chapters 2.1 and 2.2: what a WaitGroup is.
import { SnowshedError, WaitGroup } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe, outcome } from "../support/promises.ts";

describe("R02: WaitGroup", () => {
  test("is usable at once: wait() on a new one does not wait", async () => {
    const group = new WaitGroup();
    expect(group.count).toBe(0);
    expect(await outcome(group.wait())).toEqual({ status: "fulfilled", value: undefined });
  });

  test("goes through the states of the diagram: add, wait blocked, done, all waiters woken", async () => {
    const group = new WaitGroup();
    group.add(2);
    const waiters = [observe(group.wait()), observe(group.wait()), observe(group.wait())];
    await drained();
    expect(waiters.map(({ outcome }) => outcome.status)).toEqual(["pending", "pending", "pending"]);
    group.done();
    await drained();
    expect([group.count, waiters[0]!.outcome.status]).toEqual([1, "pending"]);
    group.done();
    await drained();
    expect(waiters.map(({ outcome }) => outcome.status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  });

  test("shows a waiter everything that was written before the done() that released it", async () => {
    const group = new WaitGroup();
    const written: number[] = [];
    for (let index = 0; index < 100; index++) {
      group.go(async () => {
        for (let turn = 0; turn < index % 7; turn++) await Promise.resolve();
        written.push(index);
      });
    }
    await group.wait();
    expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("takes done() as add(-1)", async () => {
    const group = new WaitGroup();
    group.add(3);
    group.add(-2);
    group.done();
    expect(group.count).toBe(0);
    await group.wait();
  });

  test("refuses a negative counter with a named error, and stays as it was: Go's is −1 after that", async () => {
    const group = new WaitGroup();
    expect(() => group.done()).toThrow(SnowshedError);
    expect(() => group.done()).toThrow(expect.objectContaining({ code: "SNOWSHED_NEGATIVE_COUNTER" }) as Error);
    group.add(2);
    expect(() => group.add(-3)).toThrow(expect.objectContaining({ code: "SNOWSHED_NEGATIVE_COUNTER" }) as Error);
    expect(group.count).toBe(2);
    group.add(-2);
    expect(await outcome(group.wait())).toEqual({ status: "fulfilled", value: undefined });
  });

  test("can be used again, as often as wanted; waiters of the old round stay released", async () => {
    const group = new WaitGroup();
    for (let round = 0; round < 3; round++) {
      group.add();
      const waiting = observe(group.wait());
      group.done();
      // Before the waiter has gone on, where Go panics: "reused before previous Wait has returned".
      group.add();
      await drained();
      expect(waiting.outcome).toEqual({ status: "fulfilled", value: undefined });
      group.done();
    }
  });

  test("with add before the start and done at the end is safe, also when the task fails", async () => {
    const group = new WaitGroup();
    const ended: string[] = [];
    for (const name of ["well", "badly"]) {
      group.add();
      void (async () => {
        try {
          await drained();
          if (name === "badly") throw new Error(name);
        } catch {
          // Not the WaitGroup's business.
        } finally {
          ended.push(name);
          group.done();
        }
      })();
    }
    await group.wait();
    expect(ended).toEqual(["well", "badly"]);
  });
});
