import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import { Context, fixed, Limiter } from "snowshed";
import type { AdmissionOptions, NodeHandlerOptions, Refusal } from "snowshed/http";
import { expressMiddleware, fastifyPlugin, honoMiddleware, nodeHandler, requestContext } from "snowshed/http";
import { FakeClock } from "snowshed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Admission } from "../../../src/adapters/http/admission.ts";
import { UsualLatency } from "../../../src/adapters/http/usual-latency.ts";

const none = {};
const options: AdmissionOptions<object> = { dispatch: false, loopLag: false };

describe("Retry-After", () => {
  const drawn = (random: number, retryAfter?: string, wait?: number): number | undefined => {
    const clock = new FakeClock();
    clock.random = () => random;
    const admission = new Admission({ ...options, clock, retryAfter: retryAfter as "1s" | undefined });
    return admission.refuse(none, "quota", wait).retryAfter;
  };

  test("is at least what was asked for, and at most three times that", () => {
    const almostOne = 1 - Number.EPSILON;
    expect([drawn(0), drawn(0.5), drawn(almostOne)]).toEqual([1, 2, 3]);
    expect([drawn(0, "10s"), drawn(almostOne, "10s")]).toEqual([10, 30]);
    // Whole seconds, never too early.
    expect([drawn(0, "1500ms"), drawn(0, "1ms")]).toEqual([2, 1]);
  });

  test("comes after the wait of a quota, within a day", () => {
    expect([drawn(0, "1s", 9001), drawn(0, "1s", -5), drawn(0, "1s", Infinity)]).toEqual([10, 1, 86_400]);
  });

  test("spreads clients that are refused together", () => {
    const admission = new Admission(options);
    const seconds = new Set(Array.from({ length: 200 }, () => admission.refuse(none, "limit").retryAfter));
    expect([...seconds].toSorted()).toEqual([1, 2, 3]);
  });

  test("is not sent with a deadline that has passed", () => {
    expect(new Admission(options).refuse(none, "deadline")).toEqual({
      status: 504,
      reason: "deadline",
      retryAfter: undefined,
    });
  });
});

describe("what is refused", () => {
  test("without a place, and without the error that a wait would make", () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    const shed: Refusal[] = [];
    const admission = new Admission({ ...options, limiter, onShed: (_, refusal) => void shed.push(refusal) });
    expect(admission.decide(none, {})).toMatchObject({ admitted: true });
    expect(admission.decide(none, {})).toMatchObject({ status: 503, reason: "limit" });
    expect(shed.length).toBe(1);
  });

  test("by the quota before it takes a place", () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    const admission = new Admission({ ...options, limiter, quota: () => "2s" });
    expect(admission.decide(none, {})).toMatchObject({ status: 429 });
    expect([limiter.inflight, limiter.accepted]).toEqual([0, 0]);
  });

  test("with less time than requests usually take; and again served when that was long ago", () => {
    const admission = new Admission({ ...options, limiter: new Limiter({ algorithm: fixed(1000) }) });
    const decide = (ms: number): object => admission.decide(none, { "x-request-timeout-ms": String(ms) });
    expect(decide(50)).toMatchObject({ admitted: true });
    for (let count = 0; count < 20; count++) admission.usual.record(100);
    expect(decide(150)).toMatchObject({ admitted: true });
    expect(decide(50)).toMatchObject({ status: 503, reason: "doomed" });
    let refused = 0;
    while ("status" in decide(50)) refused++;
    expect(refused).toBeGreaterThan(20);
    expect(refused).toBeLessThan(50);
  });

  test("everything once the service shuts down", () => {
    using service = Context.background.withCancel();
    const admission = new Admission({ ...options, signal: service });
    expect(admission.decide(none, {})).toMatchObject({ admitted: true });
    service.cancel();
    expect(admission.decide(none, {})).toMatchObject({ status: 503, reason: "limit" });
  });

  test("nothing while too little is known", () => {
    const usual = new UsualLatency();
    for (let count = 0; count < 19; count++) usual.record(100);
    expect([usual.value, usual.isDoomed(1)]).toEqual([0, false]);
  });

  test("a few slow ones do not make slowness usual", () => {
    const usual = new UsualLatency();
    for (let count = 0; count < 1000; count++) usual.record(count % 10 === 0 ? 5000 : 10);
    expect(usual.value).toBeLessThan(15);
  });

  test("a priority that throws or is none loses no place", () => {
    const limiter = new Limiter({ algorithm: fixed(1) });
    const admission = new Admission({ ...options, limiter, priority: () => "urgent" as "high" });
    expect(() => admission.decide(none, {})).toThrow(TypeError);
    expect(limiter.inflight).toBe(0);
  });
});

test("a low one gives way to one that matters more, in the queue", async () => {
  const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 1 });
  await limiter.acquire();
  const low = limiter.acquire({ priority: "low" }).catch((error: unknown) => (error as { code: string }).code);
  const admission = new Admission({ ...options, limiter, priority: () => "high" });
  expect(admission.decide(none, {})).toMatchObject({ admitted: false });
  const high = limiter.wait(0, null, Infinity, "high");
  expect(await low).toBe("SNOWSHED_LIMIT_EXCEEDED");
  limiter.leave(0, "ignore", 0);
  await high;
});

test.each([
  ["/healthz", true],
  ["/healthz?full=1", true],
  ["/metrics", true],
  ["/healthz/x", false],
  ["/", false],
  ["", false],
])("%s is a health check: %s", (path, expected) => {
  expect(new Admission(options).isExcluded(none, path)).toBe(expected);
});

test.each([
  { timeout: 0 },
  { timeout: -1 },
  { timeout: Number.NaN },
  { linger: 0 },
  { retryAfter: "soon" },
  { retryAfter: 0 },
  { priority: "high" },
  { quota: 5 },
  { exclude: "/healthz" },
  { stream: true },
  { onShed: 1 },
  { limiter: {} },
  { signal: {} },
])("%o is refused", (wrong) => {
  const make = wrong as AdmissionOptions<never>;
  for (const adapter of [expressMiddleware, fastifyPlugin, honoMiddleware] as const) {
    expect(() => (adapter as (options: object) => unknown)(make)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
  }
  expect(() => nodeHandler(() => {}, make as object)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

test.each([undefined, null, 1, {}, { raw: {} }, { req: { raw: null } }])("requestContext(%o) is refused", (request) => {
  expect(() => requestContext(request as object)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

test("the types of handlers and options", () => {
  expectTypeOf(requestContext).returns.toEqualTypeOf<Context>();
  // What nodeHandler makes is what createServer takes.
  createServer(nodeHandler((request) => void request.url));
  expectTypeOf<NonNullable<NodeHandlerOptions["priority"]>>().parameter(0).toEqualTypeOf<IncomingMessage>();
  // @ts-expect-error: no such band
  void (() => nodeHandler(() => {}, { priority: () => "urgent" }));
});
