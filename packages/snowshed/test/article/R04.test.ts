// Chapter 2.3: batch HTTP aggregation. 8 s for all, 3 s for each request, one more attempt, the cached answers when more
// than half failed; results and failure statistics; one failure never stops the rest. Against real sockets on this
// machine, with the time in the test's hands.
import type { BatchOptions } from "snowshed";
import { batch, Context, DeadlineExceededError, Group } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { observe } from "../support/promises.ts";
import type { LoopbackServer } from "../support/http-server.ts";
import { startServer, until } from "../support/http-server.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

let clock: FakeClock;
let root: Context;
let server: LoopbackServer;

beforeEach(async () => {
  clock = new FakeClock();
  root = Context.root({ clock });
  server = await startServer((path, response, attempt) => {
    const [, kind] = path.split("/");
    if (kind === "dead") return;
    if (kind === "broken" || (kind === "flaky" && attempt === 1)) response.statusCode = 503;
    if (kind === "reset") response.destroy();
    else response.end(`body of ${path}`);
  });
});

afterEach(async () => {
  await server.close();
  expect(clock.pending).toBe(0);
});

/** What the article's function does for each URL; a status is an answer to fetch(), and an error here. */
async function get(url: string, { signal }: Context): Promise<string> {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${response.status}`);
  }
  return response.text();
}

const asInTheArticle = { deadline: "8s", timeout: "3s", retry: { attempts: 2, backoff: { initial: 0 } } } as const;
/** Lets timers of no length fire. */
const now = (): Promise<void> => clock.advance(0);
const path = (url: string): string => new URL(url).pathname;

function aggregate(
  paths: readonly string[],
  options: BatchOptions<string, string> = {},
): ReturnType<typeof batch<string, string>> {
  return batch(paths.map(server.url), get, { ...asInTheArticle, signal: root, concurrency: 50, ...options });
}

describe("R04: the article's batchFetch, on an error group", () => {
  /** As written in the article, but for `http.DefaultClient.Get(ctx, url)`, which does not exist. */
  async function batchFetch(paths: readonly string[]): Promise<Map<string, string>> {
    const group = new Group({ signal: root });
    const results = new Map<string, string>();
    for (const each of paths) {
      group.go(async (context) => {
        const request = context.withTimeout("3s");
        try {
          // "Does not affect the others", says the comment there. It cancels them.
          results.set(each, await get(server.url(each), request));
        } finally {
          request.cancel();
        }
      });
    }
    await group.wait();
    return results;
  }

  test("is no best effort: one failure cancels the others and takes their results along", async () => {
    const fetched = observe(batchFetch(["/ok/1", "/dead/1", "/broken", "/dead/2"]));
    // No time passes: what ends the requests that are still open is the failure of another.
    await until(() => fetched.outcome.status !== "pending");
    expect(fetched.outcome).toEqual({ status: "rejected", reason: new Error("503") });
    await until(() => server.open() === 0);
  });

  test("gives results when all go well: the negative control", async () => {
    expect([...(await batchFetch(["/ok/1", "/ok/2"])).values()]).toEqual(["body of /ok/1", "body of /ok/2"]);
  });
});

describe("R04: batch() with the article's numbers", () => {
  test("aggregates: every answer there is, a second attempt where it helps, and the failures counted", async () => {
    const report = observe(aggregate(["/ok/1", "/flaky/1", "/broken", "/reset", "/ok/2"]));
    // Only the pauses between attempts need the clock: they have a length of 0.
    await until(() => report.outcome.status !== "pending", now);
    const { outcomes, stats, degraded } = settled(report);
    expect(outcomes.map(({ input, status, attempts }) => [path(input), status, attempts])).toEqual([
      ["/ok/1", "ok", 1],
      ["/flaky/1", "ok", 2],
      ["/broken", "failed", 2],
      ["/reset", "failed", 2],
      ["/ok/2", "ok", 1],
    ]);
    expect(outcomes[1]!.value).toBe("body of /flaky/1");
    expect(outcomes[2]!.error).toEqual(new Error("503"));
    expect(stats).toMatchObject({ total: 5, ok: 3, failed: 2, fallback: 0, skipped: 0, timedOut: 0, retried: 3 });
    expect(degraded).toBe(false);
  });

  test("gives a request 3 s, counted from its start, and then one more attempt of 3 s", async () => {
    const report = observe(aggregate(["/dead", "/ok/1", "/ok/2"]));
    await until(() => server.arrived("/dead") === 1 && server.arrived("/ok/2") === 1 && server.open() === 1);
    await clock.advance(2999);
    expect(server.open()).toBe(1);
    await clock.advance(1);
    // The socket of the first attempt is closed: nothing is left behind on the server.
    await until(() => server.arrived("/dead") === 2, now);
    await until(() => server.open() === 1);
    await clock.advance("3s");
    await until(() => report.outcome.status !== "pending" && server.open() === 0);
    const { outcomes, stats } = settled(report);
    expect(outcomes[0]).toMatchObject({ status: "failed", attempts: 2, duration: 6000 });
    expect(outcomes[0]!.error).toBeInstanceOf(DeadlineExceededError);
    expect(stats).toMatchObject({ ok: 2, failed: 1, timedOut: 1, retried: 1, elapsed: 6000 });
  });

  test("ends at 8 s: what runs has failed, what waits is skipped, what was answered is there", async () => {
    const report = observe(aggregate(["/ok/1", "/dead/1", "/dead/2", "/dead/3"], { concurrency: 1 }));
    await until(() => server.arrived("/dead/1") === 1);
    await clock.advance("3s");
    await until(() => server.arrived("/dead/1") === 2, now);
    await clock.advance("3s");
    await until(() => server.arrived("/dead/2") === 1);
    await clock.advance(1999);
    expect(report.outcome.status).toBe("pending");
    await clock.advance(1);
    const { outcomes, stats } = settled(report);
    expect(outcomes.map(({ status, attempts, duration }) => [status, attempts, duration])).toEqual([
      ["ok", 1, 0],
      ["failed", 2, 6000],
      ["failed", 1, 2000],
      ["skipped", 0, 0],
    ]);
    expect(stats).toMatchObject({ total: 4, ok: 1, failed: 2, skipped: 1, timedOut: 2, elapsed: 8000 });
    await until(() => server.open() === 0);
    expect(server.arrived("/dead/3")).toBe(0);
  });

  test("answers from the cache when more than half failed, and says so", async () => {
    const cache = new Map([
      ["/broken/1", "yesterday's 1"],
      ["/broken/2", "yesterday's 2"],
    ]);
    const fallback = {
      value: (url: string): string => {
        const cached = cache.get(path(url));
        if (cached === undefined) throw new Error("never answered before");
        return cached;
      },
    };
    const report = observe(aggregate(["/ok/1", "/broken/1", "/broken/2", "/broken/3"], { fallback }));
    await until(() => report.outcome.status !== "pending", now);
    const { outcomes, stats, degraded } = settled(report);
    expect(outcomes.map(({ status, value, error }) => [status, value, (error as Error | undefined)?.message])).toEqual([
      ["ok", "body of /ok/1", undefined],
      ["fallback", "yesterday's 1", "503"],
      ["fallback", "yesterday's 2", "503"],
      ["failed", undefined, "503"],
    ]);
    expect(stats).toMatchObject({ total: 4, ok: 1, failed: 1, fallback: 2 });
    expect(degraded).toBe(true);
  });

  test("does not when just half failed", async () => {
    const fallback = { value: () => "from the cache" };
    const report = observe(aggregate(["/ok/1", "/ok/2", "/broken/1", "/broken/2"], { fallback }));
    await until(() => report.outcome.status !== "pending", now);
    expect(settled(report)).toMatchObject({ degraded: false, stats: { ok: 2, failed: 2, fallback: 0 } });
  });

  test("never has more than `concurrency` requests open on the server", async () => {
    let most = 0;
    const report = observe(
      aggregate(
        Array.from({ length: 40 }, (_, index) => `/ok/${index}`),
        { concurrency: 4 },
      ),
    );
    await until(() => {
      most = Math.max(most, server.open());
      return report.outcome.status !== "pending";
    });
    expect(settled(report).stats).toMatchObject({ total: 40, ok: 40 });
    expect(most).toBeLessThanOrEqual(4);
  });

  test("works the same on the clock of this machine", async () => {
    const isTransient = (error: unknown): boolean => !(error instanceof DeadlineExceededError);
    const report = await batch(["/ok/1", "/flaky/1", "/broken", "/reset", "/dead"].map(server.url), get, {
      deadline: "8s",
      timeout: "1s",
      retry: { attempts: 2, backoff: { initial: 1 }, retryable: isTransient },
      fallback: { value: (url) => `the last good answer of ${path(url)}` },
    });
    expect(report.outcomes.map(({ status, attempts }) => [status, attempts])).toEqual([
      ["ok", 1],
      ["ok", 2],
      ["fallback", 2],
      ["fallback", 2],
      ["fallback", 1],
    ]);
    expect(report.outcomes[4]!.value).toBe("the last good answer of /dead");
    expect(report.stats).toMatchObject({ total: 5, ok: 2, fallback: 3, timedOut: 1, retried: 3 });
    await until(() => server.open() === 0);
  });
});

type Report = Awaited<ReturnType<typeof aggregate>>;

function settled({ outcome }: ReturnType<typeof observe<Report>>): Report {
  if (outcome.status !== "fulfilled") throw new Error(`got ${outcome.status}; want fulfilled`);
  return outcome.value;
}
