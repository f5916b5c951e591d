// What services write of their quotas, as they write it, and what others might.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dateOf, rateLimitFields } from "../../src/throttle/rate-limit-fields.ts";

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const seconds = now / 1000;
const day = 86_400_000;

const read = (headers: Record<string, string>) => rateLimitFields(headers, now);

describe("fields", () => {
  test.each<[string, Record<string, string>, number | undefined, number, number | undefined, boolean]>([
    [
      "GitHub",
      { "X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": `${seconds + 1800}` },
      5000,
      4999,
      1_800_000,
      true,
    ],
    ["GitLab", { "RateLimit-Remaining": "7", "RateLimit-Reset": `${seconds + 60}` }, undefined, 7, 60_000, true],
    [
      "X",
      { "x-rate-limit-limit": "900", "x-rate-limit-remaining": "1", "x-rate-limit-reset": `${seconds + 9}` },
      900,
      1,
      9000,
      true,
    ],
    [
      "OpenAI, ms",
      { "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "120ms" },
      undefined,
      9,
      120,
      false,
    ],
    [
      "OpenAI",
      { "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "6m0s" },
      undefined,
      9,
      360_000,
      false,
    ],
    [
      "Groq",
      { "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "1m26.4s" },
      undefined,
      9,
      86_400,
      false,
    ],
    [
      "a day",
      { "x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "0d2h0m0s" },
      undefined,
      9,
      7_200_000,
      false,
    ],
    [
      "Linear",
      { "X-RateLimit-Requests-Remaining": "3", "X-RateLimit-Requests-Reset": `${now + 5000}` },
      undefined,
      3,
      5000,
      true,
    ],
    ["Reddit", { "x-ratelimit-remaining": "598.0", "x-ratelimit-reset": "73" }, undefined, 598, 73_000, false],
    ["Discord", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": `${seconds}.250` }, undefined, 4, 250, true],
    [
      "Atlassian",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "2026-01-02T03:05Z" },
      undefined,
      4,
      55_000,
      true,
    ],
    [
      "a date without a zone",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "2026-01-02T03:05:00" },
      undefined,
      4,
      55_000,
      true,
    ],
    [
      "an HTTP date",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "Fri, 02 Jan 2026 03:05:05 GMT" },
      undefined,
      4,
      60_000,
      true,
    ],
    [
      "Docker Hub",
      { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" },
      100,
      76,
      undefined,
      false,
    ],
    [
      "the tenth draft",
      { "RateLimit-Policy": '"burst";q=100;w=60,"daily";q=1000;w=86400', RateLimit: '"burst";r=50;t=30' },
      100,
      50,
      30_000,
      false,
    ],
    [
      "with spaces",
      { RateLimit: '"default"; r=5; t=30', "RateLimit-Policy": '"default"; q=10; w=60; pk=:YQ==:' },
      10,
      5,
      30_000,
      false,
    ],
    ["a comma in a name", { RateLimit: '"a,b";r=5;t=30', "RateLimit-Policy": '"a,b";q=10' }, 10, 5, 30_000, false],
    ["the third draft", { RateLimit: "limit=100, remaining=50, reset=5" }, 100, 50, 5000, false],
    ["an empty reset", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "" }, undefined, 4, undefined, false],
    [
      "a reset that was",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": `${seconds - 9}` },
      undefined,
      4,
      0,
      true,
    ],
    ["a reset in 2286", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "9999999999" }, undefined, 4, day, true],
    [
      "a reset beyond all",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "9".repeat(40) },
      undefined,
      4,
      day,
      true,
    ],
    [
      "an endless reset",
      { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "9".repeat(41) },
      undefined,
      4,
      undefined,
      false,
    ],
    ["many hours", { "X-RateLimit-Remaining": "4", "X-RateLimit-Reset": "9999999999h" }, undefined, 4, day, false],
  ])("of %s", (_of, headers, limit, remaining, reset, isDate) => {
    expect(read(headers)).toEqual({ limit, remaining, reset, isDate });
  });

  test.each<[string, Record<string, string>]>([
    ["nothing left, and the longer wait", { RateLimit: '"second";r=0;t=1, "hour";r=0;t=1800' }],
    ["nothing left, before little", { RateLimit: '"minute";r=1;t=60, "hour";r=0;t=1800' }],
    ["the slowest pace", { RateLimit: '"hour";r=10;t=1800, "minute";r=9;t=60' }],
  ])("of the strictest: %s", (_of, headers) => {
    expect(read(headers)?.reset).toBe(1_800_000);
  });

  test("of other units than requests are passed over", () => {
    const policies = '"r";q=5;qu="requests", "b";q=65535;qu="content-bytes", "c";q=2; qu="concurrent-requests"';
    expect(read({ RateLimit: '"b";r=0;t=9, "r";r=4;t=8, "c";r=0;t=7', "RateLimit-Policy": policies })?.reset).toBe(
      8000,
    );
    expect(read({ RateLimit: '"b";r=0;t=9', "RateLimit-Policy": policies })).toBeUndefined();
  });

  test("of any text are none, or whole numbers of at most a day", () => {
    const piece = fc.constantFrom(
      '"',
      ",",
      ";",
      "=",
      "r",
      "t",
      "q",
      "0",
      "9",
      "limit",
      "remaining",
      "reset",
      "-",
      ".",
      " ",
      "h",
      "ms",
      "T",
      "Z",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join("")),
    );
    const names = ["ratelimit", "ratelimit-policy", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-limit"];
    fc.assert(
      fc.property(fc.tuple(...names.map(() => text)), (texts) => {
        const fields = read(Object.fromEntries(names.map((name, index) => [name, texts[index]!])));
        if (fields === undefined) return;
        expect(fields.remaining).toBeGreaterThanOrEqual(0);
        expect(Number.isSafeInteger(fields.remaining)).toBe(true);
        expect(fields.reset ?? 0).toBeGreaterThanOrEqual(0);
        expect(fields.reset ?? 0).toBeLessThanOrEqual(day);
      }),
    );
  });
});

describe("dates are measured from", () => {
  const wrong = now - 300_000;

  test("the clock of who wrote them, if this one is wrong", () => {
    expect(dateOf({ date: new Date(now).toUTCString() }, wrong)).toBe(now);
  });

  test.each<[string, Record<string, string>]>([
    ["that differs by its fraction and the way only", { date: new Date(wrong - 4000).toUTCString() }],
    ["when the answer is out of a cache", { date: new Date(now).toUTCString(), age: "300" }],
    ["when the answer has none", {}],
    ["when it is nonsense", { date: "yesterday" }],
    ["when it is endless", { date: " ".repeat(1000) + new Date(now).toUTCString() + "x".repeat(1000) }],
  ])("this machine's, %s", (_when, headers) => {
    expect(dateOf(headers, wrong)).toBe(wrong);
  });
});
