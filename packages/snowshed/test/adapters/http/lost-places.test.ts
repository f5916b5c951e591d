// Ways to leave, and to fail, after which nobody would tell an adapter that a request is over: no place may stay.
import type { EventEmitter } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { serve } from "@hono/node-server";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import type { Context } from "snowshed";
import { fixed, Limiter } from "snowshed";
import { expressMiddleware, fastifyPlugin, honoMiddleware, nodeHandler, requestContext } from "snowshed/http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { until } from "../../support/http-server.ts";
import { deferred, drained } from "../../support/promises.ts";
import { RawClient } from "../../support/raw-http.ts";
import { listening } from "./servers.ts";

vi.setConfig({ testTimeout: 30_000 });

let limiter: Limiter;
/** Connections that the servers have, as they know it. */
let connections: number;
let toClose: (() => unknown)[];

beforeEach(() => {
  limiter = new Limiter({ algorithm: fixed(2), maxQueue: 2 });
  connections = 0;
  toClose = [];
});

afterEach(async () => {
  for (const close of toClose) await close();
  expect([limiter.inflight, limiter.queued]).toEqual([0, 0]);
});

function counted(server: EventEmitter): void {
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.once("close", () => connections--);
  });
}

async function started(listener: RequestListener): Promise<() => Promise<RawClient>> {
  const server = await listening(createServer(listener));
  counted(server);
  toClose.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return () => RawClient.open(port);
}

/** Starts a server in which something waits before the adapter; gives what opens a connection. */
type Before = (waits: () => Promise<void>, handled: () => void) => Promise<() => Promise<RawClient>>;

const servers: readonly (readonly [string, Before])[] = [
  [
    "nodeHandler",
    (waits, handled) => {
      const handler = nodeHandler(handled, { limiter });
      return started((request, response) => void waits().then(() => handler(request, response)));
    },
  ],
  [
    "Express",
    (waits, handled) => {
      const app = express();
      app.use(async (_request, _response, next) => {
        await waits();
        next();
      });
      app.use(expressMiddleware({ limiter }), handled);
      return started(app);
    },
  ],
  [
    "Fastify",
    async (waits, handled) => {
      const app = Fastify();
      app.addHook("onRequest", () => waits());
      await app.register(fastifyPlugin({ limiter }));
      app.get("/", (_, reply) => {
        reply.hijack();
        handled();
      });
      await app.ready();
      return started((request, response) => app.routing(request, response));
    },
  ],
  [
    "Hono",
    async (waits, handled) => {
      const app = new Hono();
      app.use(async (_, next) => {
        await waits();
        await next();
      });
      // Of a handler that never ends.
      app.use(honoMiddleware({ limiter, linger: 1 }));
      app.get("/", () => {
        handled();
        return new Promise(() => {});
      });
      const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
      counted(server);
      await until(() => server.listening);
      toClose.push(() => server.close());
      return () => RawClient.open((server.address() as AddressInfo).port);
    },
  ],
];

describe.each(servers)("before %s, where something else waits first", (_, start) => {
  test("a client that leaves takes no place, and nothing is done for it", async () => {
    const gate = deferred();
    let waiting = 0;
    let passed = 0;
    let handled = 0;
    const open = await start(
      async () => {
        waiting++;
        await gate.promise;
        passed++;
      },
      () => handled++,
    );
    const client = await open();
    client.ask("/");
    const pipelining = await open();
    pipelining.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    await until(() => waiting === 3);
    client.leave();
    pipelining.leave();
    await until(() => client.socket.closed && pipelining.socket.closed && connections === 0);
    // What the servers do then.
    for (let turn = 0; turn < 200; turn++) await drained();
    gate.resolve();
    await until(() => passed === 3);
    for (let turn = 0; turn < 200; turn++) await drained();
    expect([handled, limiter.inflight, limiter.queued]).toEqual([0, 0, 0]);
  });

  test("the control: one that stays is served", async () => {
    let handled = 0;
    const open = await start(
      () => Promise.resolve(),
      () => handled++,
    );
    const client = await open();
    client.ask("/");
    await until(() => handled === 1);
    expect(limiter.inflight).toBe(1);
    client.leave();
    await until(() => limiter.inflight === 0);
  });
});

test("a client that leaves with a pipelined request whose body was read is noticed", async () => {
  const contexts: Context[] = [];
  let read = 0;
  const open = await started(
    nodeHandler(
      (request) => {
        contexts.push(requestContext(request));
        request.resume().on("close", () => read++);
      },
      { limiter },
    ),
  );
  const client = await open();
  client.socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody".repeat(2));
  await until(() => read === 2);
  expect(limiter.inflight).toBe(2);
  client.leave();
  await until(() => limiter.inflight === 0);
  expect(contexts.map(({ aborted }) => aborted)).toEqual([true, true]);
});

test("a connection has one listener more for all its pipelined requests together", async () => {
  const sockets: Socket[] = [];
  const handler = nodeHandler((_, response) => response.end(), { limiter: new Limiter({ algorithm: fixed(100) }) });
  const open = await started((request, response) => {
    sockets.push(request.socket);
    handler(request, response);
  });
  const client = await open();
  client.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
  for (let answered = 0; answered < 50; answered++) expect((await client.answer()).status).toBe(200);
  expect(new Set(sockets).size).toBe(1);
  expect(sockets[0]!.listenerCount("close")).toBeLessThan(10);
});

describe("`stream` that throws takes no place", () => {
  const stream = (): never => {
    throw new Error("of stream()");
  };

  test("in Express", async () => {
    const app = express();
    app.set("env", "test");
    app.use(expressMiddleware({ limiter, stream }));
    const client = await (await started(app))();
    client.ask("/");
    expect((await client.answer()).status).toBe(500);
    expect(limiter.inflight).toBe(0);
  });

  test("in Hono", async () => {
    const app = new Hono();
    app.use(honoMiddleware({ limiter, stream }));
    app.onError((_, c) => c.text("", 500));
    expect((await app.request("/")).status).toBe(500);
    expect(limiter.inflight).toBe(0);
  });
});

describe("Hono where the end of a response is not seen", () => {
  test("what handlers throw that is no error gives the place back", async () => {
    const app = new Hono();
    app.use(honoMiddleware({ limiter }));
    app.get("/", () => {
      // oxlint-disable-next-line no-throw-literal, only-throw-error
      throw "no error";
    });
    await expect((async () => app.request("/"))()).rejects.toBe("no error");
    expect(limiter.inflight).toBe(0);
  });

  test("a client that has left before takes no place", async () => {
    const app = new Hono();
    let handled = 0;
    app.use(honoMiddleware({ limiter }));
    app.get("/", () => {
      handled++;
      return new Promise(() => {});
    });
    await app.request("/", { signal: AbortSignal.abort() });
    expect([handled, limiter.inflight]).toEqual([0, 0]);
  });
});

test("an upgrade that a framework leads through its requests keeps no place", async () => {
  const upgraded: IncomingMessage[] = [];
  const handler = nodeHandler((request) => void upgraded.push(request), { limiter });
  const server = await listening(createServer(handler));
  toClose.push(() => server.close());
  const sockets: Socket[] = [];
  server.on("upgrade", (request, socket: Socket) => {
    sockets.push(socket);
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    server.emit("request", request, response);
  });
  const client = await RawClient.open((server.address() as AddressInfo).port);
  client.ask("/", ["Connection: Upgrade", "Upgrade: websocket"]);
  await until(() => upgraded.length === 1);
  expect([limiter.accepted, limiter.inflight]).toEqual([1, 0]);
  // It goes on for as long as it likes.
  expect(requestContext(upgraded[0]!).aborted).toBe(false);
  sockets[0]!.destroy();
  await until(() => requestContext(upgraded[0]!).aborted);
});

test("a server that closes while requests wait for a place serves them, and holds nothing then", async () => {
  const hold = deferred();
  const handler = nodeHandler((_, response) => hold.promise.then(() => response.end()), { limiter });
  const server = await listening(createServer(handler));
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => RawClient.open((server.address() as AddressInfo).port)),
  );
  for (const client of clients) client.ask("/");
  await until(() => limiter.inflight === 2 && limiter.queued === 2);
  const closed = new Promise((resolve) => server.close(resolve));
  hold.resolve();
  const statuses = await Promise.all(clients.map(async (client) => (await client.answer()).status));
  expect(statuses).toEqual([200, 200, 200, 200]);
  for (const client of clients) client.leave();
  await closed;
  await until(() => limiter.inflight === 0);
});

test("a server that cuts all connections while requests wait for a place holds nothing then", async () => {
  const handler = nodeHandler(() => {}, { limiter });
  const server = await listening(createServer(handler));
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => RawClient.open((server.address() as AddressInfo).port)),
  );
  for (const client of clients) client.ask("/");
  await until(() => limiter.inflight === 2 && limiter.queued === 2);
  server.close();
  server.closeAllConnections();
  await until(() => limiter.inflight === 0 && limiter.queued === 0);
});
