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

  const left = (remaining: number, reset = 8) =>
    answer(200, { "X-RateLimit-Remaining": String(remaining), "X-RateLimit-Reset": String(reset) });
  /** Calls, and gives what answers the call. */
  const call = (quota: Quota) => {
    let answerIt: (outcome: unknown) => void = () => {};
    const done = quota.run(() => new Promise((resolve) => (answerIt = resolve)));
    return async (outcome?: unknown) => {
      answerIt(outcome);
      await done;
    };
  };

  test("is less by what was sent after the call that was answered, also if that has ended", async () => {
    const quota = quotaOf();
    const first = call(quota);
    const [second, third] = [call(quota), call(quota)];
    quota.tryPermit(2);
    await third();
    await first(left(7));
    expect(quota.inspect().server).toEqual({ remaining: 3, endsIn: 8000 });
    await second();
  });

  test("is not less by what was sent before the call that was answered: the service has counted it", async () => {
    const quota = quotaOf();
    const slow = call(quota);
    await call(quota)(left(3));
    expect(quota.inspect().server).toEqual({ remaining: 3, endsIn: 8000 });
    await slow();
    expect(quota.inspect().server).toEqual({ remaining: 3, endsIn: 8000 });
  });

  test("is said to the call of a permit, when observe() is told which", () => {
    const quota = quotaOf();
    const permit = quota.tryPermit();
    quota.tryPermit(2);
    quota.observe(left(9), permit);
    expect(quota.inspect().server?.remaining).toBe(7);
    const other = quotaOf();
    other.tryPermit(2);
    other.observe(left(9), permit); // Of another quota: it says nothing of this one.
    expect(other.inspect().server?.remaining).toBe(9);
  });

  test("is less by what was sent after a call that had to wait", async () => {
    const quota = new Quota({ limits: [{ requests: 10, per: "1s", burst: 3 }], clock });
    quota.tryPermit(3);
    const answers: ((outcome: unknown) => void)[] = [];
    const waiting = [0, 1, 2].map(() => quota.run(() => new Promise((resolve) => answers.push(resolve))));
    await clock.advance("300ms");
    answers[1]?.(left(5));
    await waiting[1];
    expect(quota.inspect().server?.remaining).toBe(4);
    for (const answerIt of answers) answerIt(undefined);
    await Promise.all(waiting);
  });

  test("until a date is counted by the clock that wrote the date, if this one is wrong", () => {
    const at = 1_700_000_000_000;
    const wrong = { ...methodsOf(), date: () => at + 300_000 };
    const quota = new Quota({ limits: [{ requests: 10, per: "1s" }], clock: wrong });
    const date = new Date(at).toUTCString();
    const retry = new Date(at + 4000).toUTCString();
    quota.observe(answer(200, { date, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000060" }));
    expect(quota.inspect().server).toEqual({ remaining: 0, endsIn: 60_000 });
    quota.observe(answer(429, { date, "Retry-After": retry }));
    expect(quota.inspect().pausedFor).toBe(4000);
  });

  test("of an older window is no news when it comes late, and neither pauses nor opens", async () => {
    const quota = quotaOf();
    const [late, later] = [call(quota), call(quota)];
    await call(quota)(left(2, 60));
    await late(left(500, 1));
    await later(left(0, 5));
    expect(quota.inspect().server).toEqual({ remaining: 2, endsIn: 60_000 });
    // Also when the newer window is over.
    const latest = call(quota);
    await call(quota)(left(2, 60));
    await clock.advance("60s");
    expect(quota.inspect().server).toBeUndefined();
    await latest(left(0, 90));
    expect(quota.inspect().server).toBeUndefined();
  });

  test("of a window that may have ended while the answer was on its way is passed over", async () => {
    const quota = quotaOf();
    const slow = call(quota);
    await clock.advance("9s");
    await slow(left(0, 8));
    expect(quota.inspect().server).toBeUndefined();
    // But not if the end is a date, or the answer was quick.
    const dated = { ...methodsOf(), date: () => 1_700_000_000_000 + clock.now() };
    const other = new Quota({ limits: [{ requests: 10, per: "1s" }], clock: dated });
    const slower = call(other);
    await clock.advance("11s");
    await slower(left(0, 1_700_000_028));
    expect(other.inspect().server).toEqual({ remaining: 0, endsIn: 8000 });
  });

  test("of the same window counts, also when it comes late", async () => {
    const quota = quotaOf();
    const late = call(quota);
    await call(quota)(left(5, 8));
    await clock.advance("1500ms");
    await late(left(3, 7));
    expect(quota.inspect().server).toEqual({ remaining: 3, endsIn: 6500 });
  });

  test("of a call that took so long that it may be of the window before is passed over", async () => {
    const quota = quotaOf();
    const slow = call(quota);
    await clock.advance("1s");
    await call(quota)(left(50, 10));
    await clock.advance("4s");
    // Counted from its sending, its window ends at 9 s, counted from now at 14 s: it may be this one, or not.
    await slow(left(0, 9));
    expect(quota.inspect().server).toEqual({ remaining: 50, endsIn: 6000 });
  });

  test("of the latest call is of the window that is known, if it may be: its end stays", async () => {
    const quota = quotaOf();
    await call(quota)(left(50, 10));
    await clock.advance("2s");
    const slow = call(quota);
    await clock.advance("4s");
    await slow(left(30, 8));
    expect(quota.inspect().server).toEqual({ remaining: 30, endsIn: 4000 });
  });

  test("is given back with a refund only if the service was asked before it", () => {
    const quota = quotaOf();
    const early = quota.tryPermit(3);
    quota.observe(left(10));
    const after = quota.tryPermit(4);
    expect(quota.inspect().server?.remaining).toBe(6);
    early?.refund();
    expect(quota.inspect().server?.remaining).toBe(6);
    after?.refund();
    after?.refund();
    expect(quota.inspect().server?.remaining).toBe(10);
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
    ["a 403 with Retry-After, as of GitHub", answer(403, { "Retry-After": "60" }), 60_000],
    ["a 529 with Retry-After, as of Anthropic", answer(529, { "Retry-After": "6" }), 6000],
    ["a 429 that says now", answer(429, { "Retry-After": "0" }), 1000],
    ["a 429 that says a time that has passed", answer(429, { "Retry-After": "Sun, 06 Nov 1960 08:49:37 GMT" }), 1000],
    ["a 429 that asks for years", answer(429, { "Retry-After": "9".repeat(400) }), 86_400_000],
    ["a 503 that says now", answer(503, { "Retry-After": "0" }), 0],
    ["a 403", answer(403), 0],
    ["a 503 that asks for nothing", answer(503), 0],
    ["a 200", answer(200, { "Retry-After": "5" }), 0],
    ["an error that says when to retry, and is no answer", new TransientError("x", { retryAfter: "1s" }), 0],
  ])("%s pauses for %i", (_name, outcome, pause) => {
    const quota = quotaOf();
    quota.observe(outcome);
    expect(quota.inspect().pausedFor).toBe(pause);
  });

  test("that comes late does not pause again what was served since", async () => {
    const quota = quotaOf();
    const permit = quota.tryPermit();
    await clock.advance("3s");
    quota.observe(answer(200), quota.tryPermit());
    quota.observe(answer(429, { "Retry-After": "4" }), permit); // It was sent 3 s ago: that may not be over.
    expect(quota.inspect().pausedFor).toBe(4000);
    await clock.advance("4s");
    quota.observe(answer(500), quota.tryPermit());
    quota.observe(answer(429, { "Retry-After": "4" }), permit);
    expect(quota.inspect().pausedFor).toBe(4000);
    await clock.advance("4s");
    quota.observe(answer(200), quota.tryPermit());
    quota.observe(answer(429, { "Retry-After": "4" }), permit);
    expect(quota.inspect().pausedFor).toBe(0);
  });

  test("lasts no longer for a clock that is set back", async () => {
    let back = 0;
    const jumping = { ...methodsOf(), date: () => 0, now: () => clock.now() - back };
    const quota = new Quota({ limits: [{ requests: 10, per: "1s" }], clock: jumping });
    quota.observe(answer(429, { "Retry-After": "3", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5" }));
    back = 3_600_000;
    expect(quota.inspect()).toMatchObject({ pausedFor: 3000, server: { remaining: 0, endsIn: 5000 } });
    expect(await passing(quota, 1)).toEqual([5000]);
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
    ["a window that is over", answer(200, { "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0" })],
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

  test("a rest without a reset is of a day at most", () => {
    const quota = new Quota({ limits: [{ requests: 10, per: "2400h" }], clock });
    quota.observe(answer(200, { "X-RateLimit-Remaining": "0" }));
    expect(quota.inspect().server?.endsIn).toBe(86_400_000);
  });

  test("a rest without a reset is of a window as long as the shortest limit", () => {
    const quota = quotaOf();
    quota.observe(answer(200, { "X-RateLimit-Remaining": "0" }));
    expect(quota.inspect().server).toEqual({ remaining: 0, endsIn: 1000 });
  });
});
