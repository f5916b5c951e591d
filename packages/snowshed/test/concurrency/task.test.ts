import { Group, SnowshedError } from "snowshed";
import type { Task } from "snowshed";
import { describe, expect, expectTypeOf, onTestFinished, test } from "vitest";
import { deferred, drained, outcome } from "../support/promises.ts";

const failure = new Error("failed");

/** What reading `value` throws. */
function valueError(task: Task<unknown>): unknown {
  try {
    return { got: task.value, want: "an error" };
  } catch (error) {
    return error;
  }
}

describe("the state of a task", () => {
  test("goes from queued to running to fulfilled", async () => {
    const group = new Group({ concurrency: 0 });
    const gate = deferred();
    const task = group.go(() => gate.promise);
    const states = [task.state];
    group.concurrency = 1;
    await drained();
    states.push(task.state);
    gate.resolve();
    await group.wait();
    states.push(task.state);
    expect(states).toEqual(["queued", "running", "fulfilled"]);
  });

  test("is rejected when the body threw, and skipped when it never began", async () => {
    const group = new Group({ concurrency: 1 });
    const tasks = [group.go(() => Promise.reject(failure)), group.go(() => {})];
    await outcome(group.wait());
    expect(tasks.map(({ state }) => state)).toEqual(["rejected", "skipped"]);
  });
});

describe("the name of a task", () => {
  test("is the one given, else that of the function, else empty", () => {
    const group = new Group();
    function loadUser(): void {}
    const names = [
      group.go(loadUser),
      group.go(loadUser, { name: "user 7" }),
      group.go(() => {}),
      group.go(loadUser, {}),
    ];
    expect(names.map(({ name }) => name)).toEqual(["loadUser", "user 7", "", "loadUser"]);
  });
});

describe("the value of a task", () => {
  test("is the result once fulfilled, also when that is undefined or an error", async () => {
    const group = new Group();
    const tasks = [group.go(() => 1), group.go(async () => undefined), group.go(async () => failure)];
    await group.wait();
    expect(tasks.map(({ value }) => value)).toEqual([1, undefined, failure]);
  });

  test("throws until then, saying the name and the state", async () => {
    const group = new Group({ concurrency: 1 });
    const running = group.go(() => drained(), { name: "first" });
    const queued = group.go(() => {}, { name: "second" });
    expect(() => running.value).toThrow(SnowshedError);
    expect(() => running.value).toThrow('the task "first" is running');
    expect(() => queued.value).toThrow('the task "second" is queued');
    expect(() => queued.value).toThrow(expect.objectContaining({ code: "SNOWSHED_TASK_NOT_FULFILLED" }));
    expect(valueError(queued)).not.toHaveProperty("cause");
    await group.wait();
    expect([running.value, queued.value]).toEqual([undefined, undefined]);
  });

  test("throws for good when it failed or was skipped, with the reason as the cause", async () => {
    const group = new Group({ concurrency: 1 });
    const [failed, skipped] = [group.go(() => Promise.reject(failure)), group.go(() => {})];
    await outcome(group.wait());
    expect(valueError(failed)).toMatchObject({ code: "SNOWSHED_TASK_NOT_FULFILLED", cause: failure });
    expect(valueError(skipped)).toMatchObject({
      code: "SNOWSHED_TASK_NOT_FULFILLED",
      cause: group.context.reason,
    });
  });

  test("throws, and is not undefined, after `throw undefined`", async () => {
    const group = new Group();
    const task = group.go(() => Promise.reject(undefined));
    await outcome(group.wait());
    expect(valueError(task)).toMatchObject({ code: "SNOWSHED_TASK_NOT_FULFILLED", cause: undefined });
    expect(valueError(task)).toHaveProperty("cause");
  });
});

describe("awaiting a task", () => {
  test("gives its result, whether awaited before or after its end, any number of times", async () => {
    const group = new Group({ concurrency: 1 });
    const gate = deferred();
    group.go(() => gate.promise);
    const task = group.go(async () => 7);
    const early = Promise.all([task, task]);
    gate.resolve();
    expect([await early, await task, await task]).toEqual([[7, 7], 7, 7]);
  });

  test("rejects with its error, whether awaited before or after its end", async () => {
    const group = new Group();
    const task = group.go(() => Promise.reject(failure));
    const early = outcome(task);
    expect([await early, await outcome(task)]).toEqual(
      Array.from({ length: 2 }, () => ({ status: "rejected", reason: failure })),
    );
    await expect(group.wait()).rejects.toBe(failure);
  });

  test("rejects with the cancellation when it was skipped, whether awaited before or after that", async () => {
    const group = new Group({ concurrency: 0 });
    const task = group.go(() => 1);
    const early = outcome(task);
    group.cancel("why");
    const wanted = { status: "rejected", reason: group.context.reason };
    expect([await early, await outcome(task)]).toEqual([wanted, wanted]);
    expect(wanted.reason).toMatchObject({ code: "SNOWSHED_CANCELED", cause: "why" });
    await outcome(group.wait());
  });

  test("catching its error does not take that from the group: the group owns it", async () => {
    const group = new Group();
    const task = group.go(() => Promise.reject(failure));
    expect(await task.then(undefined, () => "caught")).toBe("caught");
    await expect(group.wait()).rejects.toBe(failure);
  });

  test("inside another task of the same group works while there is room for both", async () => {
    const group = new Group({ concurrency: 2 });
    const outer = group.go(async () => `${await group.go(async () => "inner")} and outer`);
    await group.wait();
    expect(outer.value).toBe("inner and outer");
  });

  test("a task given back by a body is awaited, as any thenable is", async () => {
    const group = new Group();
    const outer = group.go(() => group.go(async () => group.go(() => 3)));
    expect(await outer).toBe(3);
    await group.wait();
  });
});

describe("a rejected task that nobody awaits", () => {
  test("is not an unhandled rejection; one that is awaited without a handler is", async () => {
    const unhandled: unknown[] = [];
    const listeners = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    onTestFinished(() => {
      process.removeAllListeners("unhandledRejection");
      for (const listener of listeners) process.on("unhandledRejection", listener);
    });

    const group = new Group({ failFast: false, concurrency: 2 });
    group.go(() => Promise.reject(failure));
    group.go(() => Promise.reject(failure)).then(undefined, () => {});
    const skipped = group.go(() => {});
    group.cancel();
    await outcome(group.wait());
    await drained();
    expect([skipped.state, unhandled]).toEqual(["skipped", []]);

    // The negative control: the check does see unhandled rejections.
    void skipped.then(() => {});
    await drained();
    expect(unhandled).toEqual([group.context.reason]);
  });
});

describe("types", () => {
  test("a task has the awaited type of what its body returns", () => {
    const group = new Group();
    expectTypeOf(group.go(() => 1)).toEqualTypeOf<Task<number>>();
    expectTypeOf(group.go(async () => "a")).toEqualTypeOf<Task<string>>();
    expectTypeOf(group.go(async () => {})).toEqualTypeOf<Task<void>>();
    expectTypeOf(group.tryGo(async () => true)).toEqualTypeOf<Task<boolean> | undefined>();
    expectTypeOf<Awaited<Task<Date>>>().toEqualTypeOf<Date>();
    expectTypeOf<Task<Date>["value"]>().toEqualTypeOf<Date>();
  });

  test("a task cannot be written to, and has no catch: it is a PromiseLike", () => {
    const group = new Group();
    const task = group.go(() => 1);
    expectTypeOf(task).toExtend<PromiseLike<number>>();
    expectTypeOf(task).not.toHaveProperty("catch");
    expectTypeOf<keyof Task<number>>().toEqualTypeOf<"name" | "state" | "value" | "then">();
    const write = (): void => {
      // @ts-expect-error the state belongs to the group
      task.state = "fulfilled";
    };
    expect(write).toBeTypeOf("function");
  });
});
