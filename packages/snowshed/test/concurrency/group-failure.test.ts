import { CanceledError, Context, Group } from "snowshed";
import { setTimeout as platformSleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Deferred } from "../support/promises.ts";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

const first = new Error("first");
const second = new Error("second");

/** A group with as many tasks as asked for, each in the test's hands. */
function groupOf(
  count: number,
  options: ConstructorParameters<typeof Group>[0],
): { group: Group; gates: Deferred<unknown>[] } {
  const group = new Group(options);
  const gates = Array.from({ length: count }, () => deferred<unknown>());
  for (const gate of gates) group.go(() => gate.promise);
  return { group, gates };
}

describe("failFast: true", () => {
  test("is the default: the first error cancels the context, with that error as its cause", async () => {
    const { group, gates } = groupOf(2, {});
    gates[1]!.reject(first);
    await drained();
    expect([group.context.aborted, group.context.cause]).toEqual([true, first]);
    expect(group.context.reason).toBeInstanceOf(CanceledError);
    gates[0]!.resolve(1);
    await expect(group.wait()).rejects.toBe(first);
  });

  test("skips queued tasks and lets running ones end", async () => {
    const group = new Group({ concurrency: 2 });
    const gate = deferred();
    const started: number[] = [];
    const body = (index: number) => () => {
      started.push(index);
      return index === 0 ? Promise.reject(first) : gate.promise;
    };
    const tasks = [0, 1, 2, 3].map((index) => group.go(body(index)));
    const waited = observe(group.wait());
    await drained();
    expect(tasks.map(({ state }) => state)).toEqual(["rejected", "running", "skipped", "skipped"]);
    expect([started, group.running, group.queued, waited.outcome.status]).toEqual([[0, 1], 1, 0, "pending"]);
    gate.resolve();
    await drained();
    expect(waited.outcome).toEqual({ status: "rejected", reason: first });
    expect(tasks[1]!.state).toBe("fulfilled");
  });

  test("keeps later errors in errors, in the order of time, and rejects with the first alone", async () => {
    const { group, gates } = groupOf(2, { failFast: true });
    gates[1]!.reject(first);
    gates[0]!.reject(second);
    await expect(group.wait()).rejects.toBe(first);
    expect(group.errors).toEqual([first, second]);
  });

  test("does not count tasks that only followed the cancellation as failures", async () => {
    const group = new Group();
    const gate = deferred();
    const followers = [
      group.go(
        ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      ),
      group.go((context) => context.withTimeout("1h").sleep("1h")),
      group.go((context) => gate.promise.catch(() => context.throwIfAborted())),
    ];
    group.go(() => Promise.reject(first));
    await drained();
    gate.reject(second);
    await expect(group.wait()).rejects.toBe(first);
    expect([group.errors, followers.map(({ state }) => state)]).toEqual([[first], Array(3).fill("rejected")]);
  });

  test("does not count the AbortError in which the platform's own functions wrap the reason", async () => {
    const group = new Group();
    const sleeper = group.go(({ signal }) => platformSleep(3_600_000, undefined, { signal }));
    group.cancel();
    expect(await outcome(sleeper)).toMatchObject({ status: "rejected", reason: { name: "AbortError" } });
    expect(group.errors).toEqual([]);
    await expect(group.wait()).rejects.toBe(group.context.reason);
  });

  test("counts a cancellation of something else as a failure", async () => {
    const group = new Group();
    const other = Context.background.withCancel();
    other.cancel();
    group.go(() => other.sleep("1s"));
    await expect(group.wait()).rejects.toBe(other.reason);
    expect(group.errors).toEqual([other.reason]);
  });
});

describe("failFast: false", () => {
  test("runs everything and rejects with an AggregateError of all, in the order of time", async () => {
    const group = new Group({ failFast: false, concurrency: 1 });
    const tasks = [
      group.go(() => Promise.reject(first)),
      group.go(() => "fine"),
      group.go(() => {
        throw second;
      }),
    ];
    const result = await outcome(group.wait());
    expect(result).toMatchObject({ status: "rejected", reason: { errors: [first, second] } });
    expect(result.status === "rejected" && result.reason).toBeInstanceOf(AggregateError);
    expect(tasks.map(({ state }) => state)).toEqual(["rejected", "fulfilled", "rejected"]);
  });

  test("is an AggregateError also for a single error", async () => {
    const { group, gates } = groupOf(1, { failFast: false });
    gates[0]!.reject(first);
    await expect(group.wait()).rejects.toMatchObject({ name: "AggregateError", errors: [first] });
  });

  test("does not cancel the context before wait() settles", async () => {
    const { group, gates } = groupOf(2, { failFast: false });
    gates[0]!.reject(first);
    await drained();
    expect(group.context.aborted).toBe(false);
    gates[1]!.resolve(0);
    await outcome(group.wait());
    expect(group.context.aborted).toBe(true);
  });

  test("prefers what failed to the cancellation, when canceled with tasks skipped", async () => {
    const group = new Group({ failFast: false, concurrency: 1 });
    const gate = deferred();
    group.go(() => gate.promise);
    group.go(() => {});
    group.cancel(second);
    gate.reject(first);
    await expect(group.wait()).rejects.toMatchObject({ errors: [first] });
  });
});

describe("a failFast predicate", () => {
  const fatalOnly = (error: unknown): boolean => error === second;

  test("lets errors pass that it refuses, and collects them into an AggregateError if nothing worse happens", async () => {
    const { group, gates } = groupOf(3, { failFast: fatalOnly });
    gates[2]!.reject(first);
    await drained();
    expect(group.context.aborted).toBe(false);
    gates[0]!.resolve(0);
    gates[1]!.reject(new Error("third"));
    await expect(group.wait()).rejects.toMatchObject({
      name: "AggregateError",
      errors: [first, new Error("third")],
    });
  });

  test("cancels with the error that it accepts; wait() rejects with that one alone", async () => {
    const { group, gates } = groupOf(3, { failFast: fatalOnly });
    gates[0]!.reject(first);
    gates[1]!.reject(second);
    await drained();
    expect(group.context.cause).toBe(second);
    gates[2]!.resolve(0);
    await expect(group.wait()).rejects.toBe(second);
    expect(group.errors).toEqual([first, second]);
  });

  test("is not asked about tasks that only followed the cancellation", async () => {
    const asked: unknown[] = [];
    const group = new Group({ failFast: (error) => asked.push(error) > 0 });
    group.go((context) => context.sleep("1h"));
    group.go(() => Promise.reject(first));
    await expect(group.wait()).rejects.toBe(first);
    expect(asked).toEqual([first]);
  });

  test("that throws hides neither the error nor its own, and cancels", async () => {
    const broken = new Error("predicate");
    const group = new Group({
      concurrency: 1,
      failFast: () => {
        throw broken;
      },
    });
    group.go(() => Promise.reject(first));
    const queued = group.go(() => {});
    await expect(group.wait()).rejects.toBe(first);
    expect([group.errors, queued.state]).toEqual([[first, broken], "skipped"]);
  });

  test("that cancels the group itself still decides about the error", async () => {
    const group = new Group({
      failFast: () => {
        group.cancel(second);
        return true;
      },
    });
    group.go(() => Promise.reject(first));
    await expect(group.wait()).rejects.toBe(first);
    expect(group.context.cause).toBe(second);
  });
});

describe("`throw undefined`", () => {
  test.each([true, (error: unknown) => error === undefined])(
    "is a failure that cancels (failFast %s)",
    async (failFast) => {
      const group = new Group({ failFast, concurrency: 1 });
      const failed = group.go(() => {
        throw undefined;
      });
      const queued = group.go(() => {});
      expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: undefined });
      expect([failed.state, queued.state, group.errors]).toEqual(["rejected", "skipped", [undefined]]);
    },
  );

  test("is collected like any other (failFast false)", async () => {
    const group = new Group({ failFast: false });
    group.go(() => Promise.reject(undefined));
    await expect(group.wait()).rejects.toMatchObject({ name: "AggregateError", errors: [undefined] });
  });

  test.each([null, 0, "", false])("and `throw %s` are told apart", async (thrown) => {
    const group = new Group();
    group.go(() => Promise.reject(thrown));
    expect(await outcome(group.wait())).toEqual({ status: "rejected", reason: thrown });
  });
});

describe("the peers' probe: first error, 10 items, limit 2", () => {
  test("starts 2, signals the sibling, and rejects only when that has ended", async () => {
    const group = new Group({ concurrency: 2 });
    const log: string[] = [];
    const gate = deferred();
    const cleanUp = deferred();
    for (let index = 0; index < 10; index++) {
      group.go(async (context) => {
        log.push(`start ${index}`);
        if (index === 0) {
          await gate.promise;
          throw first;
        }
        try {
          await context.sleep("1h");
        } finally {
          log.push("sibling signaled");
          await cleanUp.promise;
          log.push("sibling ended");
        }
      });
    }
    const waited = group.wait().catch((error: unknown) => log.push(`rejected: ${String(error)}`));
    gate.resolve();
    await drained();
    expect(log).toEqual(["start 0", "start 1", "sibling signaled"]);
    cleanUp.resolve();
    await waited;
    expect(log.slice(3)).toEqual(["sibling ended", "rejected: Error: first"]);
  });
});
