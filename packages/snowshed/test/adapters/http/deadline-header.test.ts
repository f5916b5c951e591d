import * as fc from "fast-check";
import { Context } from "snowshed";
import { deadlineHeader, readDeadline, writeDeadline } from "snowshed/http";
import { expect, test } from "vitest";
import { clock, root, useFakeTime } from "../../support/fake-time.ts";

useFakeTime();

const day = 86_400_000;

/** Milliseconds that a request with these headers has. */
function left(headers: Record<string, string | string[]> | Headers): number {
  const context = readDeadline(headers, root);
  const remaining = context.remaining();
  if (context !== root && "cancel" in context) (context as { cancel(): void }).cancel();
  return remaining;
}

test.each<[Record<string, string | string[]>, number]>([
  [{}, Infinity],
  [{ [deadlineHeader]: "250" }, 250],
  [{ [deadlineHeader]: " 250 " }, 250],
  [{ [deadlineHeader]: "250.75" }, 250],
  [{ [deadlineHeader]: "0" }, 0],
  [{ [deadlineHeader]: "-1" }, 0],
  [{ [deadlineHeader]: "9".repeat(30) }, day],
  // Sent twice, as node:http and as the platform tell it.
  [{ [deadlineHeader]: "300, 200" }, 200],
  [{ [deadlineHeader]: ["300", "200"] }, 200],
  [{ [deadlineHeader]: "200, soon" }, 200],
  ...["", "soon", "1e3", "0x10", "NaN", "Infinity", "+5", "5ms", "--5", "1 000", "٣"].map(
    (value) => [{ [deadlineHeader]: value }, Infinity] as [Record<string, string>, number],
  ),
  [{ "grpc-timeout": "250m" }, 250],
  [{ "grpc-timeout": "2S" }, 2000],
  [{ "grpc-timeout": "1M" }, 60_000],
  [{ "grpc-timeout": "99999999H" }, day],
  [{ "grpc-timeout": "5000u" }, 5],
  [{ "grpc-timeout": "5000000n" }, 5],
  // Nine digits, no unit, a unit that is none.
  ...["123456789m", "250", "5x", "-5m", "m"].map(
    (value) => [{ "grpc-timeout": value }, Infinity] as [Record<string, string>, number],
  ),
  [{ "x-envoy-expected-rq-timeout-ms": "70" }, 70],
  [{ "x-envoy-expected-rq-timeout-ms": "70", "grpc-timeout": "60m", [deadlineHeader]: "80" }, 60],
])("%o leaves %d ms", (headers, expected) => {
  expect(left(headers)).toBe(expected);
});

test("whatever is sent, nothing is thrown, and what is left is from 0 to a day or for ever", () => {
  const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.bigInt().map(String), fc.double().map(String));
  fc.assert(
    fc.property(value, value, value, (own, grpc, envoy) => {
      const remaining = left({
        [deadlineHeader]: own,
        "grpc-timeout": grpc,
        "x-envoy-expected-rq-timeout-ms": envoy,
      });
      expect(remaining === Infinity || (remaining >= 0 && remaining <= day)).toBe(true);
    }),
  );
});

test("a header of a megabyte is not read to its end", () => {
  expect(left({ [deadlineHeader]: `${"7,".repeat(500_000)}1` })).toBe(7);
});

test("the context ends with the caller's deadline, or with the parent's if that is earlier", async () => {
  using parent = root.withTimeout(100);
  const early = readDeadline({ [deadlineHeader]: "60" }, parent);
  const late = readDeadline({ [deadlineHeader]: "500" }, parent);
  expect([early.remaining(), late.remaining()]).toEqual([60, 100]);
  await clock.advance(60);
  expect([early.aborted, late.aborted]).toEqual([true, false]);
  expect(early.reason?.name).toBe("TimeoutError");
});

test("without a deadline it is the parent itself", () => {
  expect(readDeadline({}, root)).toBe(root);
});

test("what is written is what is left, rounded down", async () => {
  using context = root.withTimeout("2s");
  await clock.advance(0.5);
  const headers = new Headers();
  writeDeadline(headers, context);
  expect(headers.get(deadlineHeader)).toBe("1999");
  expect(left(headers)).toBe(1999);
});

test("of a context that has ended, nothing is left", async () => {
  using context = root.withTimeout(5);
  await clock.advance(10);
  const headers: Record<string, string> = {};
  writeDeadline(headers, context);
  expect(headers).toEqual({ [deadlineHeader]: "0" });
});

test("without a deadline nothing is written", () => {
  const headers: Record<string, string> = {};
  writeDeadline(headers, Context.background);
  expect(headers).toEqual({});
});

test.each([
  ["X-Request-Timeout-Ms", "50", "50"],
  ["X-Request-Timeout-Ms", "5000", "100"],
  ["x-request-timeout-ms", "soon", "100"],
])("%s: %s stays only if it asks for less", (name, before, after) => {
  using context = root.withTimeout(100);
  const headers = { [name]: before };
  writeDeadline(headers, context);
  expect(headers).toEqual({ [name]: after });
});
