// [Symbol.asyncDispose]: leaving the scope early cancels and waits; it throws what failed unless that was delivered.
import { Group } from "snowshed";
import { describe, expect, test } from "vitest";
import { deferred, drained, observe, outcome } from "../support/promises.ts";

const failure = new Error("failed");

describe("[Symbol.asyncDispose]", () => {
  test("cancels, skips what is queued, and waits for what runs", async () => {
    const group = new Group({ concurrency: 1 });
    const gate = deferred();
    const running = group.go(() => gate.promise);
    const queued = group.go(() => {});
    const disposed = observe(group[Symbol.asyncDispose]());
    await drained();
    expect([group.context.aborted, queued.state, disposed.outcome.status]).toEqual([true, "skipped", "pending"]);
    gate.resolve();
    await drained();
    expect([running.state, disposed.outcome]).toEqual(["fulfilled", { status: "fulfilled", value: undefined }]);
    expect(() => group.go(() => {})).toThrow(expect.objectContaining({ code: "SNOWSHED_GROUP_CLOSED" }));
  });

  test("does nothing after wait() resolved, and any number of times", async () => {
    const group = new Group();
    await group.wait();
    await group[Symbol.asyncDispose]();
    await group[Symbol.asyncDispose]();
  });

  test("is no error by itself: what only followed the cancellation is not thrown", async () => {
    const group = new Group();
    const task = group.go((context) => context.sleep("1h"));
    await group[Symbol.asyncDispose]();
    expect(task.state).toBe("rejected");
  });

  test("waits for children", async () => {
    const group = new Group();
    const gate = deferred();
    group.child().go(() => gate.promise);
    const disposed = observe(group[Symbol.asyncDispose]());
    await drained();
    expect(disposed.outcome.status).toBe("pending");
    gate.resolve();
    await drained();
    expect(disposed.outcome.status).toBe("fulfilled");
  });

  test("is what `await using` calls", () => {
    expect(new Group()[Symbol.asyncDispose]).toBeTypeOf("function");
  });
});

describe("[Symbol.asyncDispose] of a group in which something failed", () => {
  test.each([
    ["before it", failure],
    ["as undefined", undefined],
  ])("throws what failed %s and nobody was told of", async (_, thrown) => {
    const group = new Group();
    group.go(() => Promise.reject(thrown));
    await drained();
    expect(await outcome(group[Symbol.asyncDispose]())).toEqual({ status: "rejected", reason: thrown });
  });

  test("throws what fails while it cleans up", async () => {
    const group = new Group();
    group.go((context) => context.sleep("1h").catch(() => Promise.reject(failure)));
    await expect(group[Symbol.asyncDispose]()).rejects.toBe(failure);
  });

  test("throws an AggregateError of what was collected", async () => {
    const group = new Group({ failFast: false });
    group.go(() => Promise.reject(failure));
    await expect(group[Symbol.asyncDispose]()).rejects.toMatchObject({ errors: [failure] });
  });

  test("throws nothing when wait() has delivered it", async () => {
    const group = new Group();
    group.go(() => Promise.reject(failure));
    await expect(group.wait()).rejects.toBe(failure);
    await group[Symbol.asyncDispose]();
  });

  test("throws nothing when a wait() that is still pending will deliver it", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const waited = observe(group.wait());
    const disposed = observe(group[Symbol.asyncDispose]());
    gate.reject(failure);
    await drained();
    expect([waited.outcome, disposed.outcome.status]).toEqual([{ status: "rejected", reason: failure }, "fulfilled"]);
  });

  test("throws it when the wait() that would have delivered it gives up in between", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const impatience = new AbortController();
    const waited = observe(group.wait({ signal: impatience.signal }));
    const disposed = observe(group[Symbol.asyncDispose]());
    impatience.abort();
    gate.reject(failure);
    await drained();
    expect(waited.outcome).toMatchObject({ status: "rejected", reason: { name: "AbortError" } });
    expect(disposed.outcome).toEqual({ status: "rejected", reason: failure });
  });

  test("throws it from one of two calls", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise);
    const disposals = [group[Symbol.asyncDispose](), group[Symbol.asyncDispose]()].map((promise) => observe(promise));
    gate.reject(failure);
    await drained();
    await group[Symbol.asyncDispose]();
    expect(disposals.map(({ outcome }) => outcome.status)).toEqual(["rejected", "fulfilled"]);
  });

  test("throws it once: a wait() afterwards still has it, another disposal does not", async () => {
    const group = new Group();
    group.go(() => Promise.reject(failure));
    await expect(group[Symbol.asyncDispose]()).rejects.toBe(failure);
    await group[Symbol.asyncDispose]();
    await expect(group.wait()).rejects.toBe(failure);
  });

  test("leaves nothing for the parent when it is a child", async () => {
    const parent = new Group();
    const child = parent.child();
    const gate = deferred();
    child.go(() => gate.promise);
    const disposed = expect(child[Symbol.asyncDispose]()).rejects.toBe(failure);
    gate.reject(failure);
    await disposed;
    await parent.wait();
    expect(parent.errors).toEqual([]);
  });

  test("throws nothing in a child whose parent was told", async () => {
    const parent = new Group();
    const child = parent.child();
    child.go(() => Promise.reject(failure));
    await drained();
    await child[Symbol.asyncDispose]();
    await expect(parent.wait()).rejects.toBe(failure);
  });

  test("throws in a child what failed after its parent was told of something else", async () => {
    const parent = new Group({ failFast: false });
    const child = parent.child({ failFast: false });
    child.go(() => Promise.reject(new Error("reported")));
    await drained();
    child.go(() => Promise.reject(failure));
    const disposed = await outcome(child[Symbol.asyncDispose]());
    await outcome(parent.wait());
    const told = [...parent.errors, disposed.status === "rejected" ? disposed.reason : new AggregateError([])];
    expect(told.flatMap((error): unknown[] => (error as AggregateError).errors)).toContain(failure);
  });
});
