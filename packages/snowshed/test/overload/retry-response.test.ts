// Against real responses, of `fetch` and of the shape of undici's `request`; retry-http.test.ts has a real server.
import { retry, RetryBudget, TransientError } from "snowshed";
import { describe, expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { drained, observe } from "../support/promises.ts";

useFakeTime();

interface Watched {
  readonly response: Response;
  canceled: number;
}

/** A response with a body that never ends by itself. */
function response(status: number): Watched {
  const body = new ReadableStream({
    cancel() {
      watched.canceled++;
    },
  });
  const watched: Watched = { response: new Response(body, { status }), canceled: 0 };
  return watched;
}

async function fetched(responses: readonly Watched[], attempts: number = responses.length): Promise<unknown> {
  const task = (_context: unknown, attempt: number): Response => responses[attempt - 1]!.response;
  const call = observe(retry(task, { signal: root, attempts }));
  await clock.advance("1m");
  if (call.outcome.status !== "fulfilled") throw new Error(call.outcome.status);
  return call.outcome.value;
}

describe("retry() of a response that says no", () => {
  test.each([429, 502, 503, 504])("%d: is another attempt, and lets go of the body", async (status) => {
    const responses = [response(status), response(status), response(200)];
    expect(await fetched(responses)).toBe(responses[2]!.response);
    expect(responses.map(({ canceled }) => canceled)).toEqual([1, 1, 0]);
  });

  test.each([200, 301, 400, 401, 404, 409, 422])("%d: is an answer, and its body is the caller's", async (status) => {
    const responses = [response(status), response(200)];
    expect(await fetched(responses)).toBe(responses[0]!.response);
    expect(responses[0]!.canceled).toBe(0);
  });

  test("to the end: returns the last one as it is, unread", async () => {
    const responses = [response(503), response(503)];
    const last = (await fetched(responses)) as Response;
    expect(last).toBe(responses[1]!.response);
    expect([last.status, last.bodyUsed, responses[1]!.canceled]).toEqual([503, false, 0]);
  });

  test("without a body, or with one that is being read, is no problem", async () => {
    const reading = response(503);
    const reader = reading.response.body!.getReader();
    const responses = [{ response: new Response(null, { status: 503 }), canceled: 0 }, reading, response(200)];
    expect(await fetched(responses)).toBe(responses[2]!.response);
    await drained();
    expect(reading.canceled).toBe(0);
    await reader.cancel();
  });

  test("lets go of the body of undici's `request`, too, and survives whatever a body does", async () => {
    const done: string[] = [];
    const headers = {};
    const outcomes: unknown[] = [
      { statusCode: 503, headers, body: { dump: async () => done.push("dump") } },
      { statusCode: 503, headers, body: { dump: () => Promise.reject(new Error("gone")) } },
      {
        statusCode: 503,
        headers,
        body: {
          cancel() {
            throw new Error("broken");
          },
        },
      },
      {
        statusCode: 503,
        headers,
        get body() {
          throw new Error("hostile");
        },
      },
      { statusCode: 503, headers, body: "text" },
      { statusCode: 503, headers, body: null },
      "answer",
    ];
    const call = observe(retry((_context, attempt) => outcomes[attempt - 1], { signal: root, attempts: 10 }));
    await clock.advance("10m");
    expect([call.outcome, done]).toEqual([{ status: "fulfilled", value: "answer" }, ["dump"]]);
  });

  test("leaves the bodies of what was not discarded alone when the budget is empty", async () => {
    const budget = new RetryBudget({ clock, ratio: 0, minimumPerSecond: 0 });
    const refused = response(503);
    expect(await retry(() => refused.response, { signal: root, budget })).toBe(refused.response);
    expect(refused.canceled).toBe(0);
  });
});

describe("the budget of retry()", () => {
  test("is paid in by each call once, and drawn on by each further attempt when it enters its backoff", async () => {
    const budget = new RetryBudget({ clock, ratio: 1, minimumPerSecond: 0 });
    const fail = (): never => {
      throw new TransientError("again");
    };
    const reasons: string[] = [];
    const options = {
      signal: root,
      budget,
      attempts: 3,
      backoff: { initial: "1s", jitter: "none" },
      onGiveUp: ({ reason }: { readonly reason: string }) => reasons.push(reason),
    } as const;
    const calls = Array.from({ length: 4 }, () => observe(retry(fail, options)));
    await drained();
    // In backoff, all of them, and charged already: else they would leave it together with the same credit.
    expect([budget.balance, clock.pending]).toEqual([0, 4]);
    await clock.advance("1s");
    expect(reasons).toEqual(["budget", "budget", "budget", "budget"]);
    expect(calls.every(({ outcome }) => outcome.status === "rejected")).toBe(true);
  });

  test("is not drawn on by what makes no further attempt for another reason", async () => {
    const budget = new RetryBudget({ clock, ratio: 10, minimumPerSecond: 0 });
    using soon = root.withTimeout(10);
    const later = new TransientError("later", { retryAfter: "1h" });
    for (const options of [{ attempts: 1 }, { signal: soon, backoff: { jitter: "none" } as const }, {}]) {
      const before = budget.balance;
      const call = observe(
        retry(
          () => {
            throw later;
          },
          { signal: root, budget, ...options },
        ),
      );
      await drained();
      expect(call.outcome.status).toBe("rejected");
      expect(budget.balance - before).toBe(10);
    }
  });

  test("keeps a thousand failing calls to a tenth more attempts; without one they make three times as many", async () => {
    const attemptsWith = async (budget: RetryBudget | undefined): Promise<number> => {
      let attempts = 0;
      const fail = (): never => {
        attempts++;
        throw new TransientError("again");
      };
      const calls = Array.from({ length: 1000 }, () => observe(retry(fail, { signal: root, budget })));
      await clock.advance("1m");
      expect(calls.every(({ outcome }) => outcome.status === "rejected")).toBe(true);
      return attempts;
    };
    expect(await attemptsWith(new RetryBudget({ clock, minimumPerSecond: 0 }))).toBe(1100);
    expect(await attemptsWith(undefined)).toBe(3000);
  });

  test("is never overdrawn, whatever comes and fails when", async () => {
    // A fixed pattern of load over ten minutes of seeded chance; the budget has properties of its own in its own tests.
    const budget = new RetryBudget({ clock, ratio: 0.2, minimumPerSecond: 1, window: "10s" });
    const first: number[] = [];
    const extra: number[] = [];
    const calls: { readonly outcome: { readonly status: string } }[] = [];
    for (let second = 0; second < 60; second++) {
      const load = Math.floor(clock.random() * 30);
      for (let call = 0; call < load; call++) {
        first.push(clock.now());
        const task = (): string => {
          if (clock.random() < 0.6) throw new TransientError("again");
          return "answer";
        };
        const onRetry = (): void => void extra.push(clock.now());
        calls.push(observe(retry(task, { signal: root, budget, attempts: 5, backoff: { initial: "1s" }, onRetry })));
      }
      await clock.advance("1s");
    }
    await clock.advance("5m");
    expect(calls.every(({ outcome }) => outcome.status !== "pending")).toBe(true);
    expect(extra.length).toBeGreaterThan(60);
    for (const end of extra) {
      const within = (times: readonly number[]): number => times.filter((at) => at > end - 10_000 && at <= end).length;
      expect(within(extra)).toBeLessThanOrEqual(0.2 * within(first) + 10);
    }
  });
});
