import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { identityOf, Timestamps } from "../../src/delivery/event-identity.ts";

const fields = { traceId: "4bf92f35", eventType: "order.paid", timestamp: "2026-11-23T19:20:00.123456Z" };

test("the three fields make the key, and the time is that of the event", () => {
  expect(identityOf(fields)).toEqual({
    key: "4bf92f35:order.paid:2026-11-23T19:20:00.123456Z",
    at: Date.UTC(2026, 10, 23, 19, 20, 0, 123),
  });
  expect(identityOf({ ...fields, timestamp: "1795461600123" })?.at).toBe(1_795_461_600_123);
});

test.each([
  ["no trace", { ...fields, traceId: undefined }],
  ["an empty trace", { ...fields, traceId: "" }],
  ["no type", { ...fields, eventType: undefined }],
  ["a type with a NUL, which PostgreSQL has no text for", { ...fields, eventType: "a\0" }],
  ["half a character", { ...fields, eventType: "a\ud800" }],
  ["a type that is too long for an index", { ...fields, eventType: "x".repeat(201) }],
  ["no time", { ...fields, timestamp: undefined }],
  ["no such day", { ...fields, timestamp: "2026-13-45T00:00:00Z" }],
  ["a time without a zone", { ...fields, timestamp: "2026-11-23T19:20:00" }],
  ["a time of a day to come that no calendar has", { ...fields, timestamp: "9999999999999999" }],
  ["NaN", { ...fields, timestamp: "NaN" }],
  ["a negative time", { ...fields, timestamp: "-1" }],
])("%s: no identity", (_, given) => {
  expect(identityOf(given as Parameters<typeof identityOf>[0])).toBeUndefined();
});

test("different events have different keys, whatever is in their fields", () => {
  const name = fc.string({ unit: "binary", minLength: 1, maxLength: 8 });
  const part = fc.oneof(name, fc.constantFrom(":", "%", "%3A", "a:b", "%25", "a"));
  const triple = fc.tuple(part, part, fc.constantFrom("1", "2", "2026-11-23T19:20:00Z"));
  fc.assert(
    fc.property(triple, triple, ([a, b, c], [d, e, f]) => {
      const one = identityOf({ traceId: a, eventType: b, timestamp: c });
      const other = identityOf({ traceId: d, eventType: e, timestamp: f });
      if (one === undefined || other === undefined) return;
      expect(one.key === other.key).toBe(a === d && b === e && c === f);
    }),
  );
});

describe("times that are minted", () => {
  test("are never the same, and never go back, whatever the clock does", () => {
    const dates = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4_000_000_000_000 }), fc.double({ min: 0, max: 0.999, noNaN: true })),
    );
    fc.assert(
      fc.property(dates, (readings) => {
        const timestamps = new Timestamps();
        let last = "";
        for (const [date, random] of readings) {
          const next = timestamps.next(date, random);
          expect(next > last).toBe(true);
          expect(identityOf({ ...fields, timestamp: next })?.at).toBeGreaterThanOrEqual(date);
          last = next;
        }
      }),
    );
  });

  test("are the clock's, to the millisecond", () => {
    expect(new Timestamps().next(Date.UTC(2026, 10, 23, 19, 20, 0, 123), 0.4567)).toBe("2026-11-23T19:20:00.123456Z");
  });

  test("a thousand in one millisecond are a thousand", () => {
    const timestamps = new Timestamps();
    expect(new Set(Array.from({ length: 5000 }, () => timestamps.next(1000, 0))).size).toBe(5000);
  });
});
