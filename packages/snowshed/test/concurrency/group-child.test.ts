// A child is a task of its parent: waited for, and its failure is the parent's unless child.wait() delivered it.
import { CanceledError, Group } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

const failure = new Error("in the child");

function fail(): Promise<never> {
  return Promise.reject(failure);
}

describe("a child group", () => {
  test("is waited for by its parent, running and queued tasks alike", async () => {
    const parent = new Group();
    const child = parent.child({ concurrency: 1 });
    const gates = [deferred(), deferred()];
    for (const gate of gates) child.go(() => gate.promise);
    const waited = observe(parent.wait());
    gates[0]!.resolve();
    await drained();
    expect([waited.outcome.status, child.running]).toEqual(["pending", 1]);
    gates[1]!.resolve();
    await drained();
    expect(waited.outcome.status).toBe("fulfilled");
  });

  test("is waited for also when it was waited for on its own before", async () => {
    const parent = new Group();
    const child = parent.child();
    child.go(async () => {});
    await child.wait();
    await parent.wait();
    expect(child.context.aborted).toBe(true);
  });

  test("without tasks keeps no parent waiting", async () => {
    const parent = new Group();
    parent.child();
    await parent.wait();
  });

  test("that gets more tasks after a pause is waited for again", async () => {
    const parent = new Group();
    const child = parent.child();
    await child.go(() => 1);
    await drained();
    const gate = deferred();
    child.go(() => gate.promise);
    const waited = observe(parent.wait());
    await drained();
    expect(waited.outcome.status).toBe("pending");
    gate.resolve();
    await drained();
    expect(waited.outcome.status).toBe("fulfilled");
  });

  test("takes no place among the parent's concurrency, and has its own", async () => {
    const parent = new Group({ concurrency: 1 });
    const gate = deferred();
    const child = parent.child({ concurrency: 2, name: "inner" });
    for (let index = 0; index < 3; index++) child.go(() => gate.promise);
    const own = parent.go(() => "ran");
    expect([child.name, child.running, child.queued, parent.running]).toEqual(["inner", 2, 1, 1]);
    gate.resolve();
    await parent.wait();
    expect(own.value).toBe("ran");
  });

  test("is canceled with its parent: queued tasks of all levels are skipped", async () => {
    const parent = new Group();
    const child = parent.child({ concurrency: 1 });
    const running = child.go((context) => context.sleep("1h"));
    const queued = child.go(() => {});
    const grandchild = child.child({ concurrency: 0 }).go(() => {});
    parent.cancel("why");
    expect([child.context.cause, queued.state, grandchild.state]).toEqual(["why", "skipped", "skipped"]);
    await parent.wait();
    expect([running.state, parent.errors, child.errors]).toEqual(["rejected", [], []]);
  });

  test("made of a canceled or closed parent is canceled", async () => {
    const parent = new Group();
    await parent.wait();
    const child = parent.child();
    expect([child.context.aborted, child.go(() => {}).state]).toEqual([true, "skipped"]);
    await expect(child.wait()).rejects.toBeInstanceOf(CanceledError);
  });
});

describe("the failure of a child that nobody waits on", () => {
  test("is the parent's: it cancels the parent and its wait() rejects with it", async () => {
    const parent = new Group();
    const child = parent.child();
    const sibling = parent.go((context) => context.sleep("1h"));
    child.go(fail);
    await expect(parent.wait()).rejects.toBe(failure);
    expect([sibling.state, parent.errors, parent.context.cause]).toEqual(["rejected", [failure], failure]);
  });

  test("is the parent's when it happens at once, inside go()", async () => {
    const parent = new Group();
    parent.child().go(() => {
      throw failure;
    });
    await expect(parent.wait()).rejects.toBe(failure);
  });

  test("is the parent's when it happened before the parent was waited for", async () => {
    const parent = new Group();
    parent.child().go(fail);
    await drained();
    expect([parent.context.aborted, parent.errors]).toEqual([true, [failure]]);
    await expect(parent.wait()).rejects.toBe(failure);
  });

  test("is the parent's one time only, as one error, after all tasks of the child have ended", async () => {
    const parent = new Group({ failFast: false });
    const child = parent.child({ failFast: false });
    const other = new Error("another");
    const gate = deferred();
    child.go(fail);
    child.go(() => gate.promise);
    await drained();
    expect(parent.errors).toEqual([]);
    gate.reject(other);
    await expect(parent.wait()).rejects.toMatchObject({
      errors: [expect.objectContaining({ name: "AggregateError", errors: [failure, other] })],
    });
  });

  test("is put to the parent's failFast predicate", async () => {
    const asked: unknown[] = [];
    const parent = new Group({
      failFast: (error) => {
        asked.push(error);
        return false;
      },
    });
    parent.child().go(fail);
    const sibling = parent.go(async () => "not canceled");
    await expect(parent.wait()).rejects.toMatchObject({ errors: [failure] });
    expect([asked, sibling.value]).toEqual([[failure], "not canceled"]);
  });

  test("is `undefined` when that was thrown", async () => {
    const parent = new Group();
    parent.child().go(() => Promise.reject(undefined));
    expect(await outcome(parent.wait())).toEqual({ status: "rejected", reason: undefined });
    expect(parent.errors).toEqual([undefined]);
  });

  test("is the parent's again when the child fails another time after that", async () => {
    const parent = new Group({ failFast: false });
    const child = parent.child({ failFast: false });
    const later = new Error("later");
    child.go(fail);
    await drained();
    child.go(() => Promise.reject(later));
    await outcome(parent.wait());
    expect(parent.errors.map((error): unknown[] => (error as AggregateError).errors)).toEqual([[failure], [later]]);
  });

  test("is the parent's when the one wait() on it was given up before", async () => {
    const parent = new Group();
    const child = parent.child();
    const gate = deferred();
    child.go(() => gate.promise);
    const impatience = new AbortController();
    const waited = observe(child.wait({ signal: impatience.signal }));
    impatience.abort();
    gate.reject(failure);
    await expect(parent.wait()).rejects.toBe(failure);
    expect(waited.outcome).toMatchObject({ reason: { name: "AbortError" } });
  });

  test("passes through three levels", async () => {
    const outer = new Group();
    const middle = outer.child();
    const inner = middle.child();
    const tasks = [outer, middle].map((group) => group.go((context) => context.sleep("1h")));
    inner.go(fail);
    await expect(outer.wait()).rejects.toBe(failure);
    expect([outer.errors, middle.errors, inner.errors]).toEqual([[failure], [failure], [failure]]);
    expect(tasks.map(({ state }) => state)).toEqual(["rejected", "rejected"]);
  });

  test("stops at the level whose wait() delivered it", async () => {
    const outer = new Group();
    const middle = outer.child();
    const inner = middle.child();
    const task = outer.go((context) => context.sleep("1h").catch(() => "interrupted"));
    inner.go(fail);
    await expect(middle.wait()).rejects.toBe(failure);
    await drained();
    expect([outer.errors, outer.context.aborted, task.state]).toEqual([[], false, "running"]);
    outer.cancel();
    await outer.wait();
  });
});

describe("the failure of a child that child.wait() delivers", () => {
  test("is not the parent's when the wait() was there before it", async () => {
    const parent = new Group();
    const child = parent.child();
    const gate = deferred();
    child.go(() => gate.promise);
    const waited = observe(parent.wait());
    const delivered = expect(child.wait()).rejects.toBe(failure);
    gate.reject(failure);
    await delivered;
    await drained();
    expect([waited.outcome, parent.errors]).toEqual([{ status: "fulfilled", value: undefined }, []]);
  });

  test("is not the parent's when it happened at once and the wait() follows in the same tick", async () => {
    const parent = new Group();
    const child = parent.child();
    child.go(() => {
      throw failure;
    });
    await expect(child.wait()).rejects.toBe(failure);
    await parent.wait();
    expect(parent.errors).toEqual([]);
  });

  test("after it became the parent's is delivered both ways", async () => {
    const parent = new Group();
    const child = parent.child();
    child.go(fail);
    await drained();
    await expect(child.wait()).rejects.toBe(failure);
    await expect(parent.wait()).rejects.toBe(failure);
    expect(parent.errors).toEqual([failure]);
  });

  test("can be caught by a task of the parent, which then goes on", async () => {
    const parent = new Group();
    const task = parent.go(async () => {
      const child = parent.child();
      child.go(fail);
      await child.wait().catch(() => {});
      return "recovered";
    });
    await parent.wait();
    expect(task.value).toBe("recovered");
  });
});

describe("child.cancel()", () => {
  test("is no failure of the parent, though tasks were skipped and interrupted", async () => {
    const parent = new Group();
    const child = parent.child({ concurrency: 1 });
    child.go((context) => context.sleep("1h"));
    const queued = child.go(() => {});
    child.cancel(new Error("no longer needed"));
    await parent.wait();
    expect([queued.state, parent.errors, child.errors]).toEqual(["skipped", [], []]);
  });

  test("leaves parent and siblings running", async () => {
    const parent = new Group();
    const [one, other] = [parent.child(), parent.child()];
    one.go((context) => context.sleep("1h"));
    const task = other.go(() => drained());
    one.cancel();
    await drained();
    expect([parent.context.aborted, other.context.aborted]).toEqual([false, false]);
    await parent.wait();
    expect(task.state).toBe("fulfilled");
  });

  test("does not hide what fails in the child after it", async () => {
    const parent = new Group();
    const child = parent.child();
    const gate = deferred();
    child.go(() => gate.promise);
    child.cancel();
    gate.reject(failure);
    await expect(parent.wait()).rejects.toBe(failure);
  });
});
