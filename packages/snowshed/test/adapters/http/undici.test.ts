import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { Writable } from "node:stream";
import { fixed, Limiter } from "snowshed";
import type { HttpClientOptions } from "snowshed/http";
import { Origins, undiciInterceptor } from "snowshed/http";
import type { Dispatcher } from "undici";
import { Agent, interceptors, MockAgent, request } from "undici";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { clock, useFakeTime } from "../../support/fake-time.ts";
import { outcome } from "../../support/promises.ts";
import { quiet, until } from "../../support/turns.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

useFakeTime();

let servers: Server[];
let agents: Dispatcher[];
let origins: Origins;

beforeEach(() => {
  servers = [];
  agents = [];
  origins = new Origins({ clock });
});

afterEach(async () => {
  // A mock cannot be destroyed.
  for (const agent of agents) await (agent instanceof MockAgent ? agent.close() : agent.destroy());
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  for (const [name, { limiter }] of origins.entries()) expect(limiter?.inflight, name).toBe(0);
});

async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(listener as never);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function dispatcherOf(options: HttpClientOptions = {}, agent: Dispatcher = new Agent()): Dispatcher {
  agents.push(agent);
  return agent.compose(undiciInterceptor({ origins, ...options }));
}

test("it is an interceptor by undici's own types", () => {
  expectTypeOf(undiciInterceptor()).toExtend<Dispatcher.DispatcherComposeInterceptor>();
});

describe("redirects", () => {
  test("behind it in compose(), each hop counts for its own origin", async () => {
    const second = await serve((_request, response) => void response.end("there"));
    const first = await serve((_request, response) => void response.writeHead(307, { location: second }).end());
    const dispatcher = dispatcherOf().compose(interceptors.redirect({ maxRedirections: 2 }));
    const { statusCode, body, context } = await request(first, { dispatcher });
    expect([statusCode, await body.text()]).toEqual([200, "there"]);
    expect((context as { history: URL[] }).history.map(({ origin }) => origin)).toEqual([first, second]);
    expect([...origins.entries()].map(([name]) => name)).toEqual([first, second]);
  });

  test("before it, they are one request, and their history is told", async () => {
    const second = await serve((_request, response) => void response.end("there"));
    const first = await serve((_request, response) => void response.writeHead(307, { location: second }).end());
    const agent = new Agent();
    const dispatcher = dispatcherOf({}, agent.compose(interceptors.redirect({ maxRedirections: 2 })));
    const { body, context } = await request(first, { dispatcher });
    expect(await body.text()).toBe("there");
    expect((context as { history: URL[] }).history.length).toBe(2);
    expect([...origins.entries()].map(([name]) => name)).toEqual([first]);
  });
});

test.each([
  ["an object", { "X-Other": "1", "Idempotency-Key": "7" }],
  ["a flat list", ["X-Other", "1", "Idempotency-Key", "7"]],
  ["pairs", new Map(Object.entries({ "X-Other": "1", "Idempotency-Key": "7" }))],
  ["Headers", new Headers({ "X-Other": "1", "Idempotency-Key": "7" })],
])("headers can be given as %s", async (_name, headers) => {
  const sent: unknown[] = [];
  const origin = await serve((incoming, response) => {
    sent.push([incoming.headers["x-other"], incoming.headers["x-request-timeout-ms"]]);
    response.writeHead(sent.length === 1 ? 503 : 200).end();
  });
  const retry = { backoff: { initial: 0, jitter: "none" } } as const;
  const dispatcher = dispatcherOf({ deadline: "5s", retry });
  const call = request(origin, { dispatcher, method: "POST", headers: headers as Record<string, string> });
  // Its pause begins when the first answer has come.
  const retried = async (): Promise<void> => {
    while (sent.length < 2) {
      await quiet();
      await clock.advance(0);
    }
  };
  await retried();
  const { statusCode, body } = await call;
  await body.dump();
  expect(statusCode).toBe(200);
  expect(sent).toEqual([
    ["1", "5000"],
    ["1", "5000"],
  ]);
});

test("a smaller time left that the caller wrote himself is kept", async () => {
  const origin = await serve((incoming, response) => {
    response.end(incoming.headers["x-request-timeout-ms"]);
  });
  const headers = { "X-Request-Timeout-Ms": "100" };
  const { body } = await request(origin, { dispatcher: dispatcherOf({ deadline: "5s" }), headers });
  expect(await body.text()).toBe("100");
});

describe("a connection that does not come", () => {
  /** Connects when the test says so. */
  function slowAgent(): { readonly agent: Agent; readonly connected: () => Promise<void> } {
    let go: (() => Promise<void>) | undefined;
    const agent = new Agent({
      connect: (options, callback) => {
        go = async () => {
          const socket: Socket = connect(Number(options.port), options.hostname);
          await once(socket, "connect");
          callback(null, socket);
        };
      },
    });
    return { agent, connected: () => go!() };
  }

  test.each([
    ["the timeout of the attempt", { timeout: "1s", retry: false }],
    ["the deadline", { deadline: "1s" }],
  ] as const)("is ended for the caller by %s; its place is kept until undici lets go of it", async (_name, options) => {
    let arrived = 0;
    const origin = await serve(() => void arrived++);
    const { agent, connected } = slowAgent();
    const call = request(origin, { dispatcher: dispatcherOf(options, agent) });
    call.catch(() => {});
    await clock.advance("1s");
    expect(await outcome(call)).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    expect(origins.peek(origin)!.limiter!.inflight).toBe(1);
    await connected();
    await until(() => origins.peek(origin)!.limiter!.inflight === 0, "the place");
    await quiet();
    expect(arrived).toBe(0);
  });

  test("is ended by the caller's abort at once", async () => {
    const origin = await serve(() => {});
    const { agent, connected } = slowAgent();
    const controller = new AbortController();
    const call = request(origin, { dispatcher: dispatcherOf({}, agent), signal: controller.signal });
    call.catch(() => {});
    await quiet();
    controller.abort(new Error("enough"));
    expect(await outcome(call)).toMatchObject({ status: "rejected", reason: { message: "enough" } });
    await connected();
    await until(() => origins.peek(origin)!.limiter!.inflight === 0, "the place");
  });
});

test("an upgrade is passed on, and counts until then", async () => {
  const origin = await serve(() => {});
  servers[0]!.on("upgrade", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello");
  });
  const dispatcher = dispatcherOf();
  const { socket } = await dispatcher.upgrade({ origin, path: "/", protocol: "echo" } as Dispatcher.UpgradeOptions);
  const [greeting] = (await once(socket, "data")) as [Buffer];
  expect(String(greeting)).toBe("hello");
  expect(origins.peek(origin)!.limiter!.inflight).toBe(0);
  socket.destroy();
});

test("informational answers are told, and end nothing", async () => {
  const origin = await serve((_request, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" });
    response.end("done");
  });
  const told: number[] = [];
  const { body } = await request(origin, {
    dispatcher: dispatcherOf(),
    onInfo: ({ statusCode }) => void told.push(statusCode),
  });
  expect([await body.text(), told]).toEqual(["done", [103]]);
});

test("a reader that takes its time gets all, in order", async () => {
  const whole = Array.from({ length: 200_000 }, (_, index) => index).join(",");
  const origin = await serve((_request, response) => void response.end(whole));
  const { body } = await request(origin, { dispatcher: dispatcherOf(), highWaterMark: 1024 });
  let read = "";
  for await (const chunk of body) {
    await quiet(1);
    read += String(chunk);
  }
  expect(read === whole).toBe(true);
});

test("a dispatcher that is closed says so, and is not asked again", async () => {
  const agent = new Agent();
  const dispatcher = dispatcherOf({}, agent);
  await agent.close();
  await expect(request("http://127.0.0.1:9/", { dispatcher })).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
});

test("a mock instead of a network", async () => {
  const mock = new MockAgent();
  mock.disableNetConnect();
  mock.get("http://a.example").intercept({ path: "/" }).reply(200, "mocked");
  const { body } = await request("http://a.example/", { dispatcher: dispatcherOf({}, mock) });
  expect(await body.text()).toBe("mocked");
});

test("stream() goes through it, too", async () => {
  const origin = await serve((_request, response) => void response.end("streamed"));
  const dispatcher = dispatcherOf();
  const chunks: string[] = [];
  await dispatcher.stream({ origin, path: "/", method: "GET" }, () => {
    return new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk));
        done();
      },
    });
  });
  expect(chunks.join("")).toBe("streamed");
  expect(origins.peek(origin)!.limiter!.inflight).toBe(0);
});

test("what throws in a handler ends the request, and holds nothing", async () => {
  const origin = await serve((_request, response) => void response.end("answer"));
  const dispatcher = dispatcherOf();
  const error = await new Promise((resolve) => {
    dispatcher.dispatch(
      { origin, path: "/", method: "GET" },
      {
        onRequestStart() {},
        onResponseStart() {
          throw new Error("of the handler");
        },
        onResponseError: (_controller, reason) => resolve(reason),
      },
    );
  });
  expect(error).toMatchObject({ message: "of the handler" });
});

test("headers that are none are refused as undici would, and hold nothing", async () => {
  const origin = await serve((_request, response) => void response.end("answer"));
  const headers = [["a", "b"], null] as unknown as string[];
  const asking = dispatcherOf({ deadline: "10s" }).request({ origin, path: "/", method: "GET", headers });
  await expect(asking).rejects.toThrow(TypeError);
  expect(origins.peek(origin)!.limiter!.inflight).toBe(0);
});

test("a request without an origin is for undici to refuse", () => {
  const dispatcher = dispatcherOf();
  const errors: unknown[] = [];
  dispatcher.dispatch(
    { path: "/", method: "GET" },
    { onRequestStart() {}, onResponseError: (_, error) => void errors.push(error) },
  );
  expect(errors).toMatchObject([{ code: "UND_ERR_INVALID_ARG" }]);
  expect(origins.size).toBe(0);
});

test("an origin is the same as a text and as a URL", async () => {
  const origin = await serve((_request, response) => void response.end());
  const dispatcher = dispatcherOf();
  for (const each of [origin, new URL(origin)]) {
    const { body } = await dispatcher.request({ origin: each, path: "/", method: "GET" });
    await body.dump();
  }
  expect([...origins.entries()].map(([name]) => name)).toEqual([origin]);
});

test("options are checked when it is made", () => {
  expect(() => undiciInterceptor({ timeout: -1 })).toThrow(RangeError);
  expect(() => undiciInterceptor({ limiter: new Limiter({ algorithm: fixed(1) }) as never })).toThrow(TypeError);
});
