// What is nodeHandler's own, and what the queue between admission and work is for.
import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fixed, Limiter, systemClock } from "snowshed";
import type { NodeHandlerOptions } from "snowshed/http";
import { DispatchQueue, LoopLag, nodeHandler, requestContext } from "snowshed/http";
import { expect, test, vi } from "vitest";
import { RawClient } from "../../support/raw-http.ts";
import { listening } from "./servers.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

interface Running extends AsyncDisposable {
  client(): Promise<RawClient>;
}

async function running(listener: RequestListener): Promise<Running> {
  const server = await listening(createServer(listener));
  const clients: RawClient[] = [];
  return {
    async client() {
      const client = await RawClient.open((server.address() as AddressInfo).port);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.leave();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** The statuses that ten clients get who ask at the same time for something that takes 3 ms of computing. */
async function statusesOfTen(options: NodeHandlerOptions): Promise<number[]> {
  const limiter = new Limiter({ algorithm: fixed(2) });
  const handler = nodeHandler(
    (_, response) => {
      compute(3);
      response.end("done");
    },
    { limiter, loopLag: false, ...options },
  );
  await using server = await running(handler);
  const clients = await Promise.all(Array.from({ length: 10 }, () => server.client()));
  // Once each, so that the server has accepted all of them.
  for (const client of clients) {
    client.ask("/healthz");
    await client.answer();
  }
  for (const client of clients) client.ask("/");
  return (await Promise.all(clients.map((client) => client.answer()))).map(({ status }) => status);
}

test("a backlog of handlers that compute is seen and refused", async () => {
  const statuses = await statusesOfTen({ dispatch: new DispatchQueue({ slice: 0 }) });
  expect(statuses).toContain(503);
  expect(statuses).toContain(200);
});

test("the control: run where they are read, they are never more than one in flight, and nobody is refused", async () => {
  expect(await statusesOfTen({ dispatch: false })).toEqual(Array.from({ length: 10 }, () => 200));
});

test("while the loop is late for long, what ends counts as dropped", async () => {
  const limiter = new Limiter({ algorithm: fixed(10) });
  const late = new LoopLag();
  Object.defineProperty(late, "isOver", { get: () => true });
  const handler = (_: IncomingMessage, response: ServerResponse): unknown => response.end();
  for (const loopLag of [late, new LoopLag()]) {
    await using server = await running(nodeHandler(handler, { limiter, loopLag }));
    const client = await server.client();
    client.ask("/");
    await client.answer();
    while (limiter.inflight > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect([limiter.accepted, limiter.dropped]).toEqual([2, 1]);
});

test.each<[string, (response: ServerResponse) => unknown]>([
  [
    "throws",
    () => {
      throw new Error("of the handler");
    },
  ],
  ["rejects", () => Promise.reject(new Error("of the handler"))],
])("a handler that %s is answered for with 500, and its error is told", async (_, fail) => {
  const errors: unknown[] = [];
  const limiter = new Limiter({ algorithm: fixed(1) });
  const onError = (error: unknown): void => void errors.push(error);
  await using server = await running(nodeHandler((_, response) => fail(response), { limiter, onError }));
  const client = await server.client();
  client.ask("/");
  expect((await client.answer()).status).toBe(500);
  expect(errors).toMatchObject([{ message: "of the handler" }]);
  expect(limiter.inflight).toBe(0);
});

test("one that fails in the middle of its answer cuts the connection: half an answer must not look whole", async () => {
  const handler = nodeHandler(
    (_, response) => {
      response.writeHead(200, { "Content-Length": "10" });
      response.write("half");
      throw new Error("of the handler");
    },
    { onError: () => {} },
  );
  await using server = await running(handler);
  const client = await server.client();
  client.ask("/");
  await expect(client.answer()).rejects.toThrow("the connection ended");
});

test("without onError it is an uncaught error, as in a bare server", async () => {
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const uncaught = new Promise((resolve) => {
    process.once("uncaughtException", resolve);
  });
  try {
    const handler = nodeHandler(() => {
      throw new Error("of the handler");
    });
    await using server = await running(handler);
    const client = await server.client();
    client.ask("/");
    expect(await uncaught).toMatchObject({ message: "of the handler" });
  } finally {
    for (const listener of before) process.on("uncaughtException", listener);
  }
});

test("a place stays with a promise that goes on after its answer", async () => {
  const limiter = new Limiter({ algorithm: fixed(1) });
  let finish!: () => void;
  const rest = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const handler = nodeHandler(
    async (_, response) => {
      response.end("answered");
      await rest;
    },
    { limiter },
  );
  await using server = await running(handler);
  const client = await server.client();
  client.ask("/");
  expect((await client.answer()).body).toBe("answered");
  client.ask("/");
  expect((await client.answer()).status).toBe(503);
  finish();
  while (limiter.inflight > 0) await new Promise((resolve) => setImmediate(resolve));
  client.ask("/");
  expect((await client.answer()).status).toBe(200);
});

test("the context has ended when the answer has been sent", async () => {
  const contexts: { aborted: boolean }[] = [];
  const handler = nodeHandler((request, response) => {
    contexts.push(requestContext(request));
    response.end(String(contexts[0]!.aborted));
  });
  await using server = await running(handler);
  const client = await server.client();
  client.ask("/");
  expect((await client.answer()).body).toBe("false");
  while (!contexts[0]!.aborted) await new Promise((resolve) => setImmediate(resolve));
});

test("each handler runs in the async context of its own request, also after a wait", async () => {
  const storage = new AsyncLocalStorage<string>();
  const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 10, queue: { target: "1h" } });
  const handler = nodeHandler(
    async (request, response) => {
      await Promise.resolve();
      response.end(`${request.url} ${storage.getStore()}`);
    },
    { limiter },
  );
  await using server = await running((request, response) =>
    storage.run(request.url!, () => handler(request, response)),
  );
  const clients = await Promise.all(Array.from({ length: 5 }, () => server.client()));
  for (const [index, client] of clients.entries()) client.ask(`/${index}`);
  const bodies = await Promise.all(clients.map(async (client) => (await client.answer()).body));
  expect(bodies).toEqual([0, 1, 2, 3, 4].map((index) => `/${index} /${index}`));
});

/** A clock that handlers which compute move on, and a limiter and a queue that live in it. */
function standingTime(unseen: number): {
  readonly options: NodeHandlerOptions;
  readonly latencies: number[];
  readonly clock: { time: number };
} {
  const clock = { ...systemClock, time: 0, now: () => clock.time };
  const latencies: number[] = [];
  const algorithm = { limit: 5, sample: ({ latency }: { latency: number }) => void latencies.push(latency) };
  class BusyDispatch extends DispatchQueue {
    override unseen(): number {
      return unseen;
    }
  }
  const dispatch = new BusyDispatch({ clock });
  return { options: { clock, limiter: new Limiter({ algorithm, clock }), dispatch, loopLag: false }, latencies, clock };
}

test("what a request has waited unseen is part of its latency, and gone from its deadline", async () => {
  const { options, latencies, clock } = standingTime(7);
  const handler = nodeHandler((_, response) => {
    clock.time += 5;
    response.end();
  }, options);
  await using server = await running(handler);
  const client = await server.client();
  client.ask("/", ["X-Request-Timeout-Ms: 7"]);
  expect((await client.answer()).status).toBe(504);
  client.ask("/", ["X-Request-Timeout-Ms: 8"]);
  expect((await client.answer()).status).toBe(200);
  while (latencies.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(latencies).toEqual([12]);
});

test("what has less time left than requests usually take is refused", async () => {
  const { options, latencies, clock } = standingTime(0);
  const handler = nodeHandler((_, response) => {
    clock.time += 100;
    response.end();
  }, options);
  await using server = await running(handler);
  const client = await server.client();
  const status = async (left: number): Promise<number> => {
    const before = latencies.length;
    client.ask("/", [`X-Request-Timeout-Ms: ${left}`]);
    const answer = await client.answer();
    while (answer.status === 200 && latencies.length === before) await new Promise((resolve) => setImmediate(resolve));
    return answer.status;
  };
  for (let count = 0; count < 20; count++) expect(await status(500)).toBe(200);
  expect([await status(50), await status(150)]).toEqual([503, 200]);
});
