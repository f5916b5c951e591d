import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { runFetch } from "../support/memory-io.ts";
import { httpServer, rawServer } from "../support/servers.ts";

/** A server that counts how many requests it has at once, and answers when it is told. */
async function countingServer(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const seen = { now: 0, most: 0, total: 0 };
  const origin = await httpServer((request, response) => {
    seen.total++;
    seen.most = Math.max(seen.most, ++seen.now);
    response.on("close", () => seen.now--);
    answer(response, request);
  });
  return { origin, seen };
}

const list = (origin: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${origin}/${index}\n`).join("");

describe("limits", () => {
  test("no more than --concurrency requests at once", async () => {
    const servers = await Promise.all(
      [1, 2, 3].map(() => countingServer((response) => setImmediate(() => response.end()))),
    );
    const stdin = servers.map(({ origin }) => list(origin, 40)).join("");
    const { outcomes, code } = await runFetch(["--concurrency", "2", "--per-host", "10"], { stdin });
    expect([code, outcomes.length]).toEqual([0, 120]);
    for (const { seen } of servers) expect(seen.most).toBeLessThanOrEqual(2);
  });

  test("no more than --per-host requests to one host, and all of them used", async () => {
    const waiting: ServerResponse[] = [];
    const { origin, seen } = await countingServer((response) => {
      waiting.push(response);
      // Answers only when four are here at once: fewer would wait for ever.
      if (waiting.length === 4) for (const each of waiting.splice(0)) each.end();
    });
    const { code } = await runFetch(["--per-host", "4"], { stdin: list(origin, 40) });
    expect([code, seen.most, seen.total]).toEqual([0, 4, 40]);
  });

  test("a host that hangs does not hold the others, although its URLs come first", async () => {
    const hanging = await countingServer(() => {});
    const fast = await countingServer((response) => response.end());
    const stdin = list(hanging.origin, 100) + list(fast.origin, 100);
    const stopped = new AbortController();
    const { outcomes } = await runFetch(
      ["--concurrency", "10", "--per-host", "3", "--timeout", "none", "--retries", "0"],
      {
        stdin,
        interrupt: stopped.signal,
        // Nothing else would end it: the hanging ones hang for ever.
        onOutput: (text) => text.split('"status":"ok"').length === 101 && stopped.abort("SIGINT"),
      },
    );
    expect(fast.seen.total).toBe(100);
    expect(hanging.seen.total).toBe(3);
    const count = (status: string): number => outcomes.filter((outcome) => outcome.status === status).length;
    expect([count("ok"), count("failed"), count("skipped")]).toEqual([100, 3, 97]);
    // Control: without room for others, they wait behind it.
    const argv = ["--concurrency", "3", "--per-host", "3", "--timeout", "none", "--deadline", "500ms"];
    await runFetch(argv, { stdin });
    expect(fast.seen.total).toBe(100);
  });

  test("the time a request waits for a place is not taken from its attempt", async () => {
    // One at a time: the last one waits for longer than an attempt may take.
    const { origin } = await countingServer((response) => void setTimeout(() => response.end(), 100));
    const argv = ["--per-host", "1", "--timeout", "1s", "--retries", "0"];
    const { code, outcomes } = await runFetch(argv, { stdin: list(origin, 12) });
    expect(code).toBe(0);
    const total = outcomes.reduce((sum, { duration }) => sum + duration, 0);
    expect(total).toBeGreaterThan(1000);
  });

  test("at the deadline running calls fail, what was read is skipped, and every line has its outcome", async () => {
    const { origin } = await countingServer(() => {});
    const argv = ["--deadline", "500ms", "--timeout", "none", "--per-host", "5"];
    const { code, outcomes } = await runFetch(argv, { stdin: list(origin, 50) });
    expect(code).toBe(1);
    expect(outcomes).toHaveLength(50);
    expect(new Set(outcomes.map(({ url }) => url)).size).toBe(50);
    expect(outcomes.filter(({ status }) => status === "failed")).toHaveLength(5);
    expect(outcomes.every(({ error }) => error?.code === "DEADLINE")).toBe(true);
    const { summary } = await runFetch([...argv, "--json"], { stdin: list(origin, 50) });
    expect(summary).toMatchObject({ total: 50, failed: 5, skipped: 45, stopped: "deadline", inputComplete: true });
  });
});

describe("retries", () => {
  test("a failure that may pass is tried again, for idempotent methods only", async () => {
    const { origin, seen } = await countingServer((response, request) => {
      response.writeHead(request.headers["x-attempt"] === undefined ? 503 : 200).end();
    });
    for (const [method, attempts] of [
      ["GET", 3],
      ["HEAD", 3],
      ["OPTIONS", 3],
      ["PUT", 3],
      ["DELETE", 3],
      ["POST", 1],
      ["PATCH", 1],
    ] as const) {
      const { outcomes } = await runFetch([origin, "--method", method, "--retries", "2"]);
      expect([method, outcomes[0]!.attempts]).toEqual([method, attempts]);
    }
    expect(seen.total).toBe(17);
  });

  test.each([408, 429, 500, 502, 503, 504])("%i is tried again", async (status) => {
    let count = 0;
    const { origin } = await countingServer((response) => response.writeHead(count++ === 0 ? status : 200).end());
    expect((await runFetch([origin])).outcomes[0]).toMatchObject({ status: "ok", attempts: 2 });
  });

  test.each([400, 401, 403, 404, 410, 501, 505])("%i is not", async (status) => {
    const { origin } = await countingServer((response) => response.writeHead(status).end());
    expect((await runFetch([origin])).outcomes[0]).toMatchObject({ status: "failed", attempts: 1, httpStatus: status });
  });

  test("a connection that breaks and an attempt that takes too long are tried again", async () => {
    let count = 0;
    const { origin } = await rawServer((socket) => {
      count++;
      if (count === 1) socket.destroy();
      else if (count === 3) socket.end("HTTP/1.1 200 OK\r\n\r\n");
    });
    const { outcomes } = await runFetch([origin, "--retries", "2", "--timeout", "200ms"]);
    expect(outcomes[0]).toMatchObject({ status: "ok", attempts: 3 });
  });

  test("Retry-After is waited for", async () => {
    const times: number[] = [];
    const { origin } = await countingServer((response) => {
      times.push(performance.now());
      response.writeHead(times.length === 1 ? 429 : 200, { "retry-after": "1" }).end();
    });
    expect((await runFetch([origin])).outcomes[0]).toMatchObject({ status: "ok", attempts: 2 });
    // The server asked for a second; that it took no less is what counts. (Its clock and ours may differ by a tick.)
    expect(times[1]! - times[0]!).toBeGreaterThan(990);
  });

  test("a Retry-After beyond the deadline, or of more than a minute, is not waited for", async () => {
    const { origin, seen } = await countingServer((response) => response.writeHead(503, { "retry-after": "30" }).end());
    const late = await runFetch([origin, "--deadline", "20s"]);
    expect(late.outcomes[0]).toMatchObject({ attempts: 1, error: { code: "HTTP_STATUS" } });
    const { origin: greedy } = await countingServer((response) =>
      response.writeHead(503, { "retry-after": "3600" }).end(),
    );
    expect((await runFetch([greedy])).outcomes[0]).toMatchObject({ attempts: 1, error: { code: "HTTP_STATUS" } });
    expect(seen.total).toBe(1);
  });

  test("they come from a budget: a server that always fails gets a fifth more, not a multiple", async () => {
    const { origin, seen } = await countingServer((response) => response.writeHead(503).end());
    const { summary } = await runFetch(["--retries", "5", "--json"], { stdin: list(origin, 200) });
    expect(summary.retries).toBe(seen.total - 200);
    // 10 to begin with, one for every five calls.
    expect(summary.retries).toBeLessThanOrEqual(50);
    expect(summary.retries).toBeGreaterThan(10);
  });
});

describe("redirects", () => {
  test("are followed, and counted", async () => {
    const origin = await httpServer((request, response) => {
      const left = Number(String(request.url).slice(1));
      if (left === 0) response.end("here");
      else response.writeHead(302, { location: `/${left - 1}` }).end("x".repeat(1000));
    });
    expect((await runFetch([`${origin}/5`])).outcomes[0]).toMatchObject({ status: "ok", redirects: 5, bytes: 4 });
    expect((await runFetch([`${origin}/6`])).outcomes[0]!.error!.code).toBe("TOO_MANY_REDIRECTS");
    expect((await runFetch([`${origin}/6`, "--max-redirects", "6"])).code).toBe(0);
    expect((await runFetch([`${origin}/1`, "--max-redirects", "0"])).outcomes[0]).toMatchObject({
      status: "ok",
      httpStatus: 302,
    });
  });

  test("to another origin go without authorization and cookies, to the same one with them", async () => {
    const heard: (string | undefined)[][] = [];
    const listen = (name: string, location?: string) =>
      httpServer(({ headers, url }, response) => {
        heard.push([name, String(url), headers.authorization, headers.cookie, String(headers["x-other"])]);
        if (url === "/first") response.writeHead(302, { location: "/second" }).end();
        else if (location !== undefined) response.writeHead(302, { location }).end();
        else response.end();
      });
    const other = await listen("other");
    const origin = await listen("first", other);
    await runFetch([`${origin}/first`, "-H", "Authorization: Bearer 1", "-H", "Cookie: a=b", "-H", "X-Other: kept"]);
    expect(heard).toEqual([
      ["first", "/first", "Bearer 1", "a=b", "kept"],
      ["first", "/second", "Bearer 1", "a=b", "kept"],
      ["other", "/", undefined, undefined, "kept"],
    ]);
  });

  test("keep to the limit of the host they lead to, too", async () => {
    const target = await countingServer((response) => setImmediate(() => response.end()));
    const sources = await Promise.all(
      Array.from({ length: 5 }, () =>
        httpServer((_, response) => response.writeHead(302, { location: target.origin }).end()),
      ),
    );
    const stdin = sources.map((origin) => list(origin, 20)).join("");
    const { code } = await runFetch(["--per-host", "2", "--timeout", "20s"], { stdin });
    expect(code).toBe(0);
    expect(target.seen.total).toBe(100);
    expect(target.seen.most).toBeLessThanOrEqual(2);
  });
});
