import type { ReceiveCase, SelectCase, Selected, SendCase } from "snowshed";
import { Channel, receive, select, send, trySelect } from "snowshed";
import { describe, expect, expectTypeOf, test } from "vitest";

const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error;

describe("select() and trySelect()", () => {
  test.each([undefined, null, 1, "cases", {}])("refuse %o as the list of cases", (value) => {
    const cases = value as SelectCase[];
    expect(() => select(cases)).toThrow(TypeError);
    expect(() => select(cases)).toThrow(invalid);
    expect(() => trySelect(cases)).toThrow(invalid);
  });

  test.each([
    ["a number", 1],
    ["a string", "case"],
    ["an object", {}],
    ["one without a channel", { kind: "receive" }],
    ["one of an unknown kind", { kind: "peek", channel: new Channel() }],
    ["a channel", new Channel()],
  ])("refuse %s as a case, before anything is done for the others", (_, value) => {
    const channel = new Channel<number>(1);
    const cases = [send(channel, 1), value as unknown as SelectCase] as const;
    expect(() => select(cases)).toThrow(TypeError);
    expect(() => select(cases)).toThrow(invalid);
    expect(() => trySelect(cases)).toThrow(invalid);
    expect(channel.size).toBe(0);
  });

  test.each([null, 5, {}])("select() refuses %o as a signal, and does nothing", (value) => {
    const channel = new Channel<number>(1);
    const signal = value as unknown as AbortSignal;
    expect(() => select([send(channel, 1)], { signal })).toThrow(invalid);
    expect(channel.size).toBe(0);
  });
});

describe("receive() and send()", () => {
  test.each([undefined, null, {}, [], "channel"])("refuse %o as a channel", (value) => {
    const channel = value as Channel<number>;
    expect(() => receive(channel)).toThrow(TypeError);
    expect(() => receive(channel)).toThrow(invalid);
    expect(() => send(channel, 1)).toThrow(invalid);
  });
});

describe("types", () => {
  const numbers = new Channel<number>(1);
  const words = new Channel<string>(1);

  test("the index tells the type of the value", () => {
    const chosen = trySelect([receive(numbers), receive(words), send(words, "a")]);
    if (chosen?.index === 0 && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<number>();
    if (chosen?.index === 0) expectTypeOf(chosen.value).toEqualTypeOf<number | undefined>();
    if (chosen?.index === 1 && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<string>();
    if (chosen?.index === 2) expectTypeOf(chosen.value).toEqualTypeOf<undefined>();
    if (chosen?.index === 2) expectTypeOf(chosen.done).toEqualTypeOf<false>();
    if (chosen?.done === true) expectTypeOf(chosen.index).toEqualTypeOf<0 | 1>();
    // @ts-expect-error there is no fourth case
    expect(chosen?.index === 3).toBe(false);
  });

  test("select() promises the same", () => {
    const cases = [receive(numbers), send(words, "a")] as const;
    expectTypeOf(select(cases)).resolves.toEqualTypeOf<Selected<typeof cases>>();
    expectTypeOf(select([receive(numbers)]))
      .resolves.toHaveProperty("index")
      .toEqualTypeOf<0>();
  });

  test("a case that may be switched off keeps its type and its index", () => {
    const on = words.size === 0;
    const chosen = trySelect([on ? receive(numbers) : null, on ? receive(words) : undefined, null]);
    if (chosen?.index === 0 && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<number>();
    if (chosen?.index === 1 && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<string>();
    expectTypeOf<NonNullable<typeof chosen>["index"]>().toEqualTypeOf<0 | 1>();
  });

  test("a place that holds one case or another has the values of both", () => {
    const on = words.size === 0;
    const chosen = trySelect([on ? receive(numbers) : receive(words), on ? send(words, "a") : receive(words)]);
    if (chosen?.index === 0 && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<number | string>();
    if (chosen?.index === 1) expectTypeOf(chosen.value).toEqualTypeOf<string | undefined>();
  });

  test("a list of unknown length has a number as its index", () => {
    const cases: readonly ReceiveCase<number>[] = [receive(numbers)];
    const chosen = trySelect(cases);
    expectTypeOf<NonNullable<typeof chosen>["index"]>().toEqualTypeOf<number>();
    if (chosen && !chosen.done) expectTypeOf(chosen.value).toEqualTypeOf<number>();
    const any: readonly SelectCase[] = cases;
    expectTypeOf<NonNullable<ReturnType<typeof trySelect<typeof any>>>["value"]>().toEqualTypeOf<unknown>();
  });

  test("send() takes what the channel carries, and does not widen that", () => {
    expectTypeOf(send(numbers, 1)).toEqualTypeOf<SendCase<number>>();
    expectTypeOf(receive(words)).toEqualTypeOf<ReceiveCase<string>>();
    // @ts-expect-error a channel of numbers
    expect(send(numbers, "a").kind).toBe("send");
    const direction = new Channel<"left" | "right">();
    // @ts-expect-error any string is too much
    expect(send(direction, "up".trim()).kind).toBe("send");
    expect(send(direction, "left").kind).toBe("send");
  });
});
