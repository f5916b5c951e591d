// A real server that counts requests in a window of its own and refuses what is over, and two clients of it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Group } from "snowshed";
import { Quota } from "snowshed/throttle";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

const perWindow = 40;
const windowMs = 400;

let refused = 0;
let answered = 0;
let url = "";
let stop: () => Promise<void>;

beforeEach(async () => {
  refused = answered = 0;
  let used = 0;
  let endsAt = 0;
  const server = createServer((_request, response) => {
    const now = performance.now();
    if (now >= endsAt) {
      used = 0;
      endsAt = now + windowMs;
    }
    used++;
    response.setHeader("X-RateLimit-Limit", perWindow);
    response.setHeader("X-RateLimit-Remaining", Math.max(0, perWindow - used));
    response.setHeader("X-RateLimit-Reset", ((endsAt - now) / 1000).toFixed(3));
    if (used > perWindow) {
      refused++;
      response.writeHead(429, { "Retry-After": String(Math.ceil((endsAt - now) / 1000)) });
    } else {
      answered++;
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () => new Promise((resolve) => server.close(() => resolve()));
});

afterEach(() => stop());

const get = async (context: { readonly signal: AbortSignal }) => {
  const response = await fetch(url, { signal: context.signal, headers: { connection: "close" } });
  await response.arrayBuffer();
  return response;
};

describe("with a service that counts", () => {
  test("a quota that was told too much is corrected by what the service says, before it is refused", async () => {
    const quota = new Quota({ limits: [{ requests: 100_000, per: "1s" }] });
    const group = new Group({ concurrency: 8 });
    for (let call = 0; call < 3 * perWindow; call++) void group.go((context) => quota.run(get, { signal: context }));
    await group.wait();
    expect({ answered, refused }).toEqual({ answered: 3 * perWindow, refused: 0 });
  });

  test("without one the same calls are refused", async () => {
    const group = new Group({ concurrency: 8 });
    for (let call = 0; call < 3 * perWindow; call++) void group.go((context) => get(context));
    await group.wait();
    expect(refused).toBeGreaterThan(0);
  });
});
