import type { Classification, Classify } from "snowshed";
import {
  batch,
  classifier,
  classify,
  FatalError,
  Group,
  isFatal,
  isRetryable,
  retryAfter,
  SnowshedError,
  TransientError,
} from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";
import { classifyError, classifyValue } from "../../src/overload/classify.ts";
import { observe } from "../support/promises.ts";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const coded = (code: string): Error => Object.assign(new Error("text"), { code });
const open = new SnowshedError("SNOWSHED_CIRCUIT_OPEN", "open");

describe("classifier", () => {
  const custom = classifier((outcome) => (outcome instanceof RangeError ? "overload" : undefined));

  test("asks the rule first, and the table about the rest", () => {
    expect(custom(new RangeError("x"))).toBe("overload");
    expect(custom(new TypeError("x"))).toBe("fatal");
    expect(custom(1)).toBe("ok");
  });

  test("asks another one instead of the table", () => {
    const twice = classifier((outcome) => (outcome === 1 ? "fatal" : undefined), custom);
    expect([twice(1), twice(2), twice(new RangeError("x")), twice(new TypeError("x"))]).toEqual([
      "fatal",
      "ok",
      "overload",
      "fatal",
    ]);
    expect(
      classifier(
        () => undefined,
        () => "ignore",
      )(new TypeError("x")),
    ).toBe("ignore");
  });

  test.each([undefined, null, "fatal", {}, 1])("refuses a rule that is %j", (rule) => {
    const refused = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;
    expect(() => classifier(rule as never)).toThrow(refused);
    if (rule !== undefined) expect(() => classifier(() => "ok", rule as never)).toThrow(refused);
  });

  test("types", () => {
    expectTypeOf(classifier(() => undefined)).toEqualTypeOf<Classify>();
    // @ts-expect-error Only the five words, or undefined.
    classifier(() => "retry");
  });
});

describe("of what was thrown", () => {
  test("what is no error is transient where the classifier calls it ok", () => {
    for (const thrown of [undefined, null, 0, "text", {}, { code: "EMFILE" }, new Response()]) {
      expect(classify(thrown)).toBe("ok");
      expect(classifyError(classify, thrown)).toBe("transient");
      expect(classifyValue(classify, thrown)).toBe("ok");
      expect([isFatal(thrown), isRetryable(thrown)]).toEqual([false, true]);
    }
    expect(classifyError(classify, { status: 503, headers: {} })).toBe("overload");
  });

  test("an error that a rule calls ok is ok: it was an answer", () => {
    const rule = classifier((outcome) => (outcome instanceof RangeError ? "ok" : undefined));
    expect(classifyError(rule, new RangeError("x"))).toBe("ok");
    expect(classifyError(rule, new TypeError("x"))).toBe("fatal");
    expect(classifyError(() => "ok", "text")).toBe("transient");
  });

  test("isFatal and isRetryable", () => {
    const answers = [new FatalError(), new TransientError(), coded("EMFILE"), AbortSignal.abort().reason, open].map(
      (error: unknown) => [isFatal(error), isRetryable(error)],
    );
    expect(answers).toEqual([
      [true, false],
      [false, true],
      [false, true],
      [false, false],
      [false, false],
    ]);
  });
});

describe("a classifier that does not decide", () => {
  const original = new Error("the call's own");
  const thrown = new Error("the rule's own");

  test.each([classifyError, classifyValue])("by throwing: %o", (ask) => {
    const rule: Classify = () => {
      throw thrown;
    };
    expect(() => ask(rule, original)).toThrow(SnowshedError);
    try {
      ask(rule, original);
    } catch (error) {
      const { code, cause, message } = error as SnowshedError;
      expect([code, message]).toEqual(["SNOWSHED_CLASSIFIER_FAILED", "the classifier threw"]);
      expect(cause).toBeInstanceOf(AggregateError);
      expect((cause as AggregateError).errors).toEqual([thrown, original]);
      // A program at fault: nobody retries that.
      expect(classify(error)).toBe("fatal");
    }
  });

  test.each([undefined, null, "OK", "retry", true, 1, {}, Promise.resolve("ok")])("by returning %o", (given) => {
    const rule = (() => given) as unknown as Classify;
    for (const ask of [classifyError, classifyValue]) {
      try {
        ask(rule, original);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: "SNOWSHED_CLASSIFIER_FAILED" });
        const { errors } = (error as Error).cause as AggregateError;
        expect(errors).toEqual([expect.any(TypeError), original]);
      }
    }
  });

  test("not so if it does", () => {
    const all: Classification[] = ["ok", "ignore", "transient", "overload", "fatal"];
    expect(all.map((each) => classifyError(() => each, original))).toEqual(all);
    expect(all.map((each) => classifyValue(() => each, original))).toEqual(all);
  });
});

describe("with the rest of the library", () => {
  test("a group stops for what is fatal, and collects the rest", async () => {
    const group = new Group({ signal: root, failFast: isFatal });
    group.go(() => {
      throw coded("ECONNRESET");
    });
    const waited = group.go((context) => context.sleep(100));
    await clock.advance(50);
    expect(waited.state).toBe("running");
    group.go(() => {
      throw new FatalError("schema");
    });
    await expect(group.wait()).rejects.toThrow("schema");
    expect(waited.state).toBe("rejected");
  });

  test("a batch retries what makes sense, and waits as long as it was asked to", async () => {
    const starts: Record<number, number[]> = {};
    const errors = [new FatalError(), new TransientError("x", { retryAfter: "9s" }), open, coded("EMFILE")];
    const call = (input: number): never => {
      (starts[input] ??= []).push(clock.now());
      throw errors[input]!;
    };
    // Inputs that are numbers: `retryAfter` alone would take them for its second argument, the time of now.
    const retry = { attempts: 2, retryable: isRetryable, retryAfter: (error: unknown) => retryAfter(error) };
    const report = observe(batch([0, 1, 2, 3], call, { signal: root, retry }));
    await clock.advance("20s");
    expect(report.outcome).toMatchObject({
      value: { outcomes: [{ attempts: 1 }, { attempts: 2 }, { attempts: 1 }, { attempts: 2 }] },
    });
    expect(starts[1]).toEqual([0, 9000]);
    expect(starts[3]![1]).toBeLessThanOrEqual(100);
  });

  test("a batch without it retries everything", async () => {
    const call = (): never => {
      throw new FatalError();
    };
    const report = observe(batch([0], call, { signal: root, retry: 1 }));
    await clock.advance("20s");
    expect(report.outcome).toMatchObject({ value: { outcomes: [{ attempts: 2 }] } });
  });
});
