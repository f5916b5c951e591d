// Real sockets: what becomes of the connection of a response that retry() does not return.
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import type { Server, ServerResponse } from "node:http";
import { retry, timeout } from "snowshed";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";
import { until } from "../support/http-server.ts";
import { observe } from "../support/promises.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

useFakeTime();

let server: Server;
let url: string;
let requests: number;
let sockets: number;
/** How the server answers each request, by its number from 1. */
let answer: (request: number, response: ServerResponse) => void;

beforeEach(async () => {
  requests = sockets = 0;
  server = createServer((_request, response) => answer(++requests, response));
  server.on("connection", () => sockets++);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
});

function busy(response: ServerResponse, body: string): void {
  response.writeHead(503, { "Retry-After": "2", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

test("503 with Retry-After, then 200: waits as long as asked, and uses the same connection again", async () => {
  answer = (request, response) => (request < 3 ? busy(response, "try later") : response.end("answer"));
  const call = observe(retry(({ signal }) => fetch(url, { signal }), { signal: root, backoff: { jitter: "none" } }));
  for (const attempt of [1, 2]) {
    await until(() => clock.pending === 1);
    await clock.advance(1999);
    expect([requests, call.outcome.status]).toEqual([attempt, "pending"]);
    await clock.advance(1);
    await until(() => requests === attempt + 1);
  }
  await until(() => call.outcome.status !== "pending");
  const { value } = call.outcome as { readonly value: Response };
  expect([value.status, await value.text(), clock.now()]).toEqual([200, "answer", 4000]);
  expect([requests, sockets]).toEqual([3, 1]);
});

test("a body that goes on for ever is let go of; unread it would hold its connection: the control", async () => {
  let open = 0;
  answer = (request, response) => {
    open++;
    response.on("close", () => open--);
    if (request % 2 === 0) response.end("answer");
    else response.writeHead(503, { "Retry-After": "2" }).write("a part of it");
  };
  for (let round = 0; round < 20; round++) {
    const call = observe(retry(() => fetch(url), { signal: root, backoff: { jitter: "none" } }));
    await until(() => clock.pending === 1);
    await clock.advance("2s");
    await until(() => call.outcome.status !== "pending");
    const { value } = call.outcome as { readonly value: Response };
    expect(await value.text()).toBe("answer");
    await until(() => open === 0);
  }
  expect(requests).toBe(40);

  const unread = await fetch(url);
  await fetch(url).then((response) => response.text());
  expect([unread.status, open]).toEqual([503, 1]);
  await unread.body?.cancel();
  await until(() => open === 0);
});

test("the last refusal is the caller's: it can be read", async () => {
  answer = (_request, response) => busy(response, "try later");
  const call = observe(retry(() => fetch(url), { signal: root, attempts: 1 }));
  await until(() => call.outcome.status !== "pending");
  const { value } = call.outcome as { readonly value: Response };
  expect([value.status, await value.text()]).toEqual([503, "try later"]);
});

test("each attempt with a timeout of its own: a hung one is closed, and the next one answers", async () => {
  let open = 0;
  answer = (request, response) => {
    open++;
    response.on("close", () => open--);
    if (request > 1) response.end("answer");
  };
  const task = (): Promise<Response> => timeout(({ signal }) => fetch(url, { signal }), "3s", { signal: root });
  const call = observe(retry(task, { signal: root, backoff: { jitter: "none" } }));
  await until(() => requests === 1);
  await clock.advance("3s");
  await until(() => open === 0);
  await clock.advance(100);
  await until(() => call.outcome.status !== "pending");
  const { value } = call.outcome as { readonly value: Response };
  // The timeout has been met: it does not cut off what is read after it.
  await clock.advance("1h");
  expect([await value.text(), requests]).toEqual(["answer", 2]);
});
