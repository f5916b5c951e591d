import { Channel } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";

const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;

describe("new Channel()", () => {
  test.each([-1, 0.5, Number.NaN, -Infinity, 2 ** 53])("refuses the capacity %s", (capacity) => {
    expect(() => new Channel(capacity)).toThrow(RangeError);
    expect(() => new Channel(capacity)).toThrow(invalid);
    expect(() => new Channel(capacity)).toThrow(`received ${capacity}`);
  });

  test.each(["2", null, true, 1n, {}, [2], Symbol("two")])("refuses a capacity that is no number: %o", (capacity) => {
    expect(() => new Channel(capacity as number)).toThrow(TypeError);
    expect(() => new Channel(capacity as number)).toThrow(invalid);
  });

  test.each([0, 1, Number.MAX_SAFE_INTEGER, Infinity])("takes the capacity %s", (capacity) => {
    expect(new Channel(capacity).capacity).toBe(capacity);
  });

  test("takes a name", () => {
    expect(new Channel(1, { name: "jobs" }).name).toBe("jobs");
  });
});

describe("send() and receive()", () => {
  test.each([null, 5, "signal", {}, { aborted: false }])("refuse %o as a signal, and change nothing", (value) => {
    const signal = value as unknown as AbortSignal;
    const channel = new Channel<number>(2);
    channel.trySend(1);
    for (const call of [() => channel.send(2, { signal }), () => channel.receive({ signal })]) {
      expect(call).toThrow(TypeError);
      expect(call).toThrow(invalid);
    }
    expect([channel.size, channel.tryReceive()]).toEqual([1, { done: false, value: 1 }]);
  });

  test("take options as undefined", async () => {
    const channel = new Channel<number>(1);
    await channel.send(1, {});
    await channel.receive({ signal: undefined });
  });
});

describe("types", () => {
  test("what goes in comes out", () => {
    const channel = new Channel<number>();
    expectTypeOf(channel).toExtend<AsyncIterable<number>>();
    expectTypeOf(channel.send).parameter(0).toEqualTypeOf<number>();
    expectTypeOf(channel.trySend).returns.toEqualTypeOf<boolean>();
    expectTypeOf(channel.receive).returns.toEqualTypeOf<Promise<IteratorResult<number, undefined>>>();
    expectTypeOf(channel.tryReceive).returns.toEqualTypeOf<IteratorResult<number, undefined> | undefined>();
    // @ts-expect-error a channel of numbers
    expect(channel.trySend("1")).toBe(false);
  });

  test("`done` tells a value from the end", () => {
    const received = new Channel<number>(1).tryReceive();
    if (received === undefined) expectTypeOf(received).toEqualTypeOf<undefined>();
    else if (received.done) expectTypeOf(received.value).toEqualTypeOf<undefined>();
    else expectTypeOf(received.value).toEqualTypeOf<number>();
  });

  test("what is read is readonly", () => {
    const channel = new Channel<number>();
    // @ts-expect-error counted by the channel
    expect(() => void (channel.size = 1)).toThrow(TypeError);
    // @ts-expect-error close() closes
    expect(() => void (channel.closed = true)).toThrow(TypeError);
    expect([channel.size, channel.closed]).toEqual([0, false]);
  });
});
