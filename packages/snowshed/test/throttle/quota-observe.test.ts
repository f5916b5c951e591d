// What a service says of its own quota, in all the forms there are, and what becomes of it.
import { TransientError } from "snowshed";
import { Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

const quotaOf = (burst = 1000) => new Quota({ limits: [{ requests: 1000, per: "1s", burst }], clock });

function answer(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers });
}

/** When calls that are made now may go. */
async function passing(quota: Quota, count: number, until = "10m" as const): Promise<number[]> {
  const start = clock.now();
  const passed: number[] = [];
  for (let call = 0; call < count; call++) void quota.permit().then(() => passed.push(clock.now() - start));
  await clock.advance(until);
  return passed;
}

describe("what is left", () => {
  test.each<[string, Record<string, string>]>([
    ["X-RateLimit-*, seconds", { "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "8" }],
    ["RateLimit-*", { "RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "4", "RateLimit-Reset": "8" }],
    ["RateLimit, as it was drafted first", { RateLimit: "limit=100, remaining=4, reset=8" }],
    ["RateLimit", { RateLimit: '"default";r=4;t=8', "RateLimit-Policy": '"default";q=100;w=60' }],
    ["the strictest of several", { RateLimit: '"hour";r=9000;t=1800, "burst";r=4;t=8' }],
    ["a time of day", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "1700000008" }],
    ["a time of day in milliseconds", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "1700000008000" }],
    ["OpenAI", { "x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "8s" }],
    ["minutes and seconds", { "x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "0m7s1000ms" }],
    [
      "Anthropic",
      {
        "anthropic-ratelimit-requests-remaining": "4",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:28Z",
      },
    ],
  ])("is spent evenly until the reset, and then as the limits say: %s", async (_form, headers) => {
    const at = 1_700_000_000_000;
    const dated = { ...methodsOf(), date: () => at + clock.now() };
    const quota = new Quota({ limits: [{ requests: 1000, per: "1s" }], clock: dated });
    quota.observe(answer(200, headers));
    expect(await passing(quota, 6)).toEqual([0, 2000, 4000, 6000, 8000, 8001]);
  });

  test("may go in bursts as large as the quota's", async () => {
    const quota = quotaOf(3);
    quota.observe(answer(200, { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "8" }));
    expect(await passing(quota, 5)).toEqual([0, 0, 0, 2000, 8000]);
  });

  test("is nothing: all wait for the reset", async () => {
    const quota = quotaOf();
    quota.observe(answer(200, { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "8" }));
    expect(quota.tryPermit()).toBeUndefined();
    expect(quota.inspect().server).toEqual({ remaining: 0, endsIn: 8000 });
    expect(await passing(quota, 2)).toEqual([8000, 8000]);
    expect(quota.inspect().server).toBeUndefined();
  });

  test("is the least that was said of one window, in whatever order answers come", async () => {
    const quota = quotaOf();
    for (const remaining of ["3", "1", "2"]) {
      quota.observe(answer(200, { "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "8" }));
    }
    expect(quota.inspect().server).toEqual({ remaining: 1, endsIn: 8000 });
    await clock.advance("8s");
    quota.observe(answer(200, { "X-RateLimit-Remaining": "50", "X-RateLimit-Reset": "60" }));
    expect(quota.inspect().server).toEqual({ remaining: 50, endsIn: 60_000 });
  });

  test("is less by what is under way and the answer does not know of", async () => {
    const quota = quotaOf();
    const slow = quota.run(() => new Promise<void>((resolve) => clock.setTimeout(resolve, 500)));
    await quota.run(() => answer(200, { "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "8" }));
    expect(quota.inspect().server).toEqual({ remaining: 2, endsIn: 8000 });
    await clock.advance(500);
    await slow;
  });

  test("is kept for the important, as far as a share is reserved", async () => {
    const quota = new Quota({
      limits: [{ requests: 1000, per: "1s", burst: 1000 }],
      reserve: { critical: 0.5 },
      clock,
    });
    const headers = { "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "6", "X-RateLimit-Reset": "8" };
    quota.observe(answer(200, headers));
    expect(quota.tryPermit()).toBeDefined();
    expect(quota.tryPermit()).toBeUndefined();
    expect(quota.tryPermit(5, { priority: "critical" })).toBeDefined();
    expect(quota.tryPermit(1, { priority: "critical" })).toBeUndefined();
  });
});

function methodsOf() {
  return {
    now: () => clock.now(),
    random: () => clock.random(),
    setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms),
  };
}

describe("a refusal", () => {
  test("pauses all for as long as it asks, also those who wait", async () => {
    const quota = quotaOf(1);
    quota.tryPermit();
    const waiting = passing(quota, 2, "10m");
    quota.observe(answer(429, { "Retry-After": "3" }));
    expect(quota.inspect().pausedFor).toBe(3000);
    expect(await waiting).toEqual([3000, 3001]);
  });

  test.each<[string, unknown, number]>([
    ["a 429 that asks for nothing", answer(429), 1000],
    ["a 429 with a reset", answer(429, { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2" }), 2000],
    ["a 503 with Retry-After", answer(503, { "Retry-After": "5" }), 5000],
    ["an error that carries it", { response: { status: 429, headers: { "retry-after": "4" } } }, 4000],
    ["an error that wraps it", new Error("x", { cause: { statusCode: 429, headers: { "retry-after": "4" } } }), 4000],
    ["a 503 that asks for nothing", answer(503), 0],
    ["a 200", answer(200, { "Retry-After": "5" }), 0],
    ["an error that says when to retry, and is no answer", new TransientError("x", { retryAfter: "1s" }), 0],
  ])("%s pauses for %i", (_name, outcome, pause) => {
    const quota = quotaOf();
    quota.observe(outcome);
    expect(quota.inspect().pausedFor).toBe(pause);
  });

  test("is observed by run(), returned or thrown", async () => {
    const quota = quotaOf();
    await quota.run(() => answer(429, { "Retry-After": "1" }));
    expect(quota.inspect().pausedFor).toBe(1000);
    await clock.advance("1s");
    const failing = quota.run(() => {
      throw Object.assign(new Error("too many"), { status: 429, headers: { "retry-after": "2" } });
    });
    await expect(failing).rejects.toThrow("too many");
    expect(quota.inspect().pausedFor).toBe(2000);
  });
});

describe("what says nothing, or nonsense, changes nothing:", () => {
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("hostile");
      },
    },
  );
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a text", "429"],
    ["a value with a status", { status: 429 }],
    ["a hostile object", hostile],
    ["a negative rest", answer(200, { "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "8" })],
    ["a fraction", answer(200, { "X-RateLimit-Remaining": "1.5", "X-RateLimit-Reset": "8" })],
    ["words", answer(200, { "X-RateLimit-Remaining": "lots", "X-RateLimit-Reset": "soon" })],
    ["a field that is too long", answer(200, { RateLimit: `"a";r=0;t=8,${"x".repeat(2000)}` })],
  ])("%s", (_name, outcome) => {
    const quota = quotaOf();
    const before = quota.inspect();
    quota.observe(outcome);
    expect(quota.inspect()).toEqual(before);
    expect(quota.tryPermit()).toBeDefined();
  });

  test("a reset that is years away counts as a day", () => {
    const quota = quotaOf();
    quota.observe(answer(200, { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999" }));
    expect(quota.inspect().server?.endsIn).toBe(86_400_000);
  });

  test("a rest without a reset is of a window as long as the shortest limit", () => {
    const quota = quotaOf();
    quota.observe(answer(200, { "X-RateLimit-Remaining": "0" }));
    expect(quota.inspect().server).toEqual({ remaining: 0, endsIn: 1000 });
  });
});
