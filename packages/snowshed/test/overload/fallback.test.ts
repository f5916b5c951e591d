import type { Classification, FallbackOptions, LastValue } from "snowshed";
import { CanceledError, DeadlineExceededError, Fallback, FatalError, SnowshedError, TransientError } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { collected } from "../support/garbage.ts";
import { drained, outcome } from "../support/promises.ts";

useFakeTime();

const down = new TransientError("down");

function fail(): never {
  throw down;
}

/** A fallback whose stand-in is what it was told. */
function told(options: Partial<FallbackOptions<unknown>> = {}): Fallback<unknown, unknown> {
  return new Fallback<unknown, unknown>({ value: (error, last) => [error, last], clock, ...options });
}

describe("Fallback.run()", () => {
  test("gives what the task gives, in its caller's context", async () => {
    const fallback = told({ value: fail });
    expect(await fallback.run((context) => context === root, { signal: root })).toBe(true);
    expect(await fallback.run(async () => "answer")).toBe("answer");
    expect(await fallback.run(() => undefined)).toBeUndefined();
  });

  test("gives the stand-in when the task throws, or its promise rejects", async () => {
    expect(await told().run(fail)).toEqual([down, undefined]);
    expect(await told().run(() => Promise.reject(down))).toEqual([down, undefined]);
    expect(await told({ value: async () => "default" }).run(fail)).toBe("default");
    const fatal = new FatalError("no such user");
    expect(await told().run(() => Promise.reject(fatal))).toEqual([fatal, undefined]);
  });

  test.each([
    ["transient", true, "stand-in"],
    ["overload", true, "stand-in"],
    ["fatal", true, "stand-in"],
    ["ignore", true, "the error"],
    ["ok", true, "the error"],
    ["transient", false, "stand-in"],
    ["overload", false, "stand-in"],
    ["fatal", false, "the value"],
    ["ignore", false, "the value"],
    ["ok", false, "the value"],
  ] as const)("of %s, thrown: %s, gives %s", async (classification, thrown, expected) => {
    const error = new Error("the error");
    const fallback = told({ classify: () => classification, value: () => "stand-in" });
    const settled = await outcome(fallback.run(() => (thrown ? Promise.reject(error) : "the value")));
    if (expected === "the error") expect(settled).toEqual({ status: "rejected", reason: error });
    else expect(settled).toEqual({ status: "fulfilled", value: expected });
  });

  test("asks `when` if there is one, with the classification", async () => {
    const asked: unknown[] = [];
    const when = (error: unknown, classification: Classification): boolean => {
      asked.push([error, classification]);
      return error !== down;
    };
    const fallback = told({ when, value: () => "stand-in" });
    expect(await outcome(fallback.run(fail))).toEqual({ status: "rejected", reason: down });
    const fatal = new FatalError("no");
    expect(await fallback.run(() => Promise.reject(fatal))).toBe("stand-in");
    const busy = { status: 503, headers: {} };
    expect(await fallback.run(() => busy)).toBe("stand-in");
    expect(asked).toEqual([
      [down, "transient"],
      [fatal, "fatal"],
      [busy, "overload"],
    ]);
    expect(await told({ when: () => false }).run(() => busy)).toBe(busy);
  });

  test("lets go of the body of a response that it replaces; not of one that it gives", async () => {
    let canceled = 0;
    const busy = (): Response => new Response(new ReadableStream({ cancel: () => void canceled++ }), { status: 503 });
    expect(await told({ value: () => "stand-in" }).run(busy)).toBe("stand-in");
    expect(canceled).toBe(1);
    const kept = (await told({ value: (response) => response }).run(busy)) as Response;
    expect([kept.status, kept.bodyUsed, canceled]).toEqual([503, false, 1]);
  });

  test("gives no stand-in to a caller that has gone, but one at a deadline that has passed", async () => {
    let calls = 0;
    const gone = root.withCancel();
    gone.cancel();
    const late = root.withTimeout(0);
    const fallback = told();
    expect(await outcome(fallback.run(() => calls++, { signal: gone }))).toEqual({
      status: "rejected",
      reason: expect.any(CanceledError) as unknown,
    });
    expect(await fallback.run(() => calls++, { signal: late })).toEqual([expect.any(DeadlineExceededError), undefined]);
    expect(calls).toBe(0);
  });

  test("fails with both errors when there is no stand-in", async () => {
    const none = new Error("never asked before");
    for (const value of [
      () => {
        throw none;
      },
      () => Promise.reject(none),
    ]) {
      const settled = await outcome(told({ value }).run(fail));
      const { reason } = settled as { readonly reason: SnowshedError };
      expect(reason).toBeInstanceOf(SnowshedError);
      expect([reason.code, (reason.cause as AggregateError).errors]).toEqual([
        "SNOWSHED_FALLBACK_FAILED",
        [down, none],
      ]);
    }
    const when = (): never => {
      throw none;
    };
    expect(await outcome(told({ when }).run(fail))).toMatchObject({
      reason: { code: "SNOWSHED_FALLBACK_FAILED", cause: { errors: [down, none] } },
    });
  });

  test("fails as the classifier does", async () => {
    const fallback = told({ classify: () => "bad" as Classification });
    const failure = { status: "rejected", reason: { code: "SNOWSHED_CLASSIFIER_FAILED" } };
    expect(await outcome(fallback.run(fail))).toMatchObject(failure);
    expect(await outcome(fallback.run(() => 1))).toMatchObject(failure);
  });

  test.each([undefined, null, "task"])("refuses a task that is %j", async (task) => {
    await expect(told().run(task as never)).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  });

  test("has the type of the task or of the stand-in", () => {
    const either = new Fallback<number, string>({ value: () => "none" });
    expectTypeOf(either.run(() => 1)).toEqualTypeOf<Promise<number | string>>();
    const same = new Fallback<number>({
      value: (_error, last) => {
        expectTypeOf(last).toEqualTypeOf<LastValue<number> | undefined>();
        return last?.value ?? 0;
      },
    });
    expectTypeOf(same.run(() => 1)).toEqualTypeOf<Promise<number>>();
  });
});

describe("the last good value", () => {
  test("is not kept unless `maxAge` says so", async () => {
    const fallback = told();
    await fallback.run(() => "good");
    expect(await fallback.run(fail)).toEqual([down, undefined]);
  });

  test("is given with its age, until it is older than `maxAge`", async () => {
    const fallback = told({ maxAge: "1m" });
    expect(await fallback.run(fail)).toEqual([down, undefined]);
    await fallback.run(() => "good");
    expect(await fallback.run(fail)).toEqual([down, { value: "good", age: 0 }]);
    await clock.advance("1m");
    expect(await fallback.run(fail)).toEqual([down, { value: "good", age: 60_000 }]);
    await clock.advance(1);
    expect(await fallback.run(fail)).toEqual([down, undefined]);
    await fallback.run(() => "better");
    expect(await fallback.run(fail)).toEqual([down, { value: "better", age: 0 }]);
  });

  test("may be undefined, and is not the same as none", async () => {
    const fallback = told({ maxAge: Number.POSITIVE_INFINITY });
    await fallback.run(() => undefined);
    await clock.advance("100h");
    expect(await fallback.run(fail)).toEqual([down, { value: undefined, age: 360_000_000 }]);
  });

  test("is never a stand-in, nor what is no success", async () => {
    const fallback = told({ maxAge: "1h" });
    await fallback.run(() => "good");
    await fallback.run(fail);
    await fallback.run(() => ({ status: 503, headers: {} }));
    await fallback.run(() => ({ status: 404, headers: {} }));
    expect(await fallback.run(fail)).toEqual([down, { value: "good", age: 0 }]);
  });

  test("is counted in the caller's time", async () => {
    const fallback = new Fallback<string, number | undefined>({ value: (_error, last) => last?.age, maxAge: "1h" });
    await fallback.run(() => "good", { signal: root });
    await clock.advance(250);
    expect(await fallback.run(fail, { signal: root })).toBe(250);
  });

  test("is let go of when it has expired; while it has not, it is held: the control", async () => {
    const fallback = told({ maxAge: "1m" });
    const make = async (): Promise<WeakRef<object>> => {
      const good = { size: 1 };
      await fallback.run(() => good);
      return new WeakRef(good);
    };
    const made = await make();
    expect(await collected(() => made, 3)).toBe(false);
    await clock.advance("61s");
    await fallback.run(fail);
    await drained();
    expect(await collected(() => made)).toBe(true);
  });
});

test.each([
  [undefined, "options must be an object"],
  [null, "options must be an object"],
  [{}, "value must be a function"],
  [{ value: 0 }, "value must be a function; received 0 (number)"],
  [{ value: fail, maxAge: -1 }, "maxAge must be at least 0"],
  [{ value: fail, maxAge: Number.NaN }, "maxAge must be"],
  [{ value: fail, maxAge: "long" }, "maxAge must be"],
  [{ value: fail, when: true }, "when must be a function"],
  [{ value: fail, classify: {} }, "classify must be a function"],
])("options %j are refused", (options, message) => {
  const make = (): unknown => new Fallback(options as FallbackOptions<unknown>);
  expect(make).toThrow(message);
  expect(make).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error);
});
