// What every server adapter must do, whatever the framework: a list of cases, each with real sockets. Run by the test of
// each adapter, and against adapters that are broken on purpose, which it must reject.
import type { Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { LimitAlgorithm, LimiterOptions, LimitSample } from "snowshed";
import { Context, Limiter } from "snowshed";
import type { AdmissionOptions } from "snowshed/http";
import { continueWhenAdmitted, DispatchQueue } from "snowshed/http";
import { FakeClock } from "snowshed/testing";
import { expect } from "vitest";
import type { RawAnswer } from "../support/raw-http.ts";
import { RawClient } from "../support/raw-http.ts";
import { until } from "../support/turns.ts";

/** A request as the handler of the test sees it. */
export interface Call {
  readonly path: string;
  readonly context: () => Context;
  readonly body: () => Promise<string>;
}

/** What the handler of the test answers: a text, or a response that goes on until a promise resolves. */
export interface Answer {
  readonly status?: number;
  readonly body?: string;
  readonly streamUntil?: Promise<void>;
}

export type Options = Omit<AdmissionOptions<never>, "priority" | "quota" | "exclude" | "stream" | "onShed"> & {
  readonly quota?: () => number | undefined;
};

/** Starts a server of the framework under test that admits by `options` and answers what `handle` says. */
export type StartServer = (handle: (call: Call) => Promise<Answer>, options: Options) => Promise<Server>;

type Dispatched = Parameters<DispatchQueue["push"]>[0];

/** Keeps what was admitted until it is let go. */
class HeldDispatch extends DispatchQueue {
  readonly held: Dispatched[] = [];

  override push(job: Dispatched): void {
    this.held.push(job);
  }

  letGo(): void {
    for (const job of this.held) super.push(job);
  }
}

/** A server whose limit never changes, and what the cases need of it. */
class Bench implements AsyncDisposable {
  readonly limiter: Limiter;
  readonly calls: { readonly path: string; readonly context: Context }[] = [];
  readonly samples: LimitSample[] = [];
  /** Lets what waits in `/hold`, `/stream` and `/background` go on. */
  release!: () => void;
  readonly #released: Promise<void> = new Promise((resolve) => {
    this.release = resolve;
  });
  readonly #clients: RawClient[] = [];
  #server!: Server;

  private constructor(options: LimiterOptions & { readonly limit?: number }) {
    const algorithm: LimitAlgorithm = {
      limit: options.limit ?? 1,
      sample: (sample) => void this.samples.push({ ...sample }),
    };
    this.limiter = new Limiter({ ...options, algorithm });
  }

  static async start(
    start: StartServer,
    limits: LimiterOptions & { readonly limit?: number } = {},
    options: Options = {},
  ): Promise<Bench> {
    const bench = new Bench({ ...(options.clock && { clock: options.clock }), ...limits });
    bench.#server = await start((call) => bench.#handle(call), { limiter: bench.limiter, loopLag: false, ...options });
    return bench;
  }

  get server(): Server {
    return this.#server;
  }

  async client(): Promise<RawClient> {
    const client = await RawClient.open((this.#server.address() as AddressInfo).port);
    this.#clients.push(client);
    return client;
  }

  async get(path: string, more: readonly string[] = []): Promise<RawAnswer> {
    const client = await this.client();
    client.ask(path, more);
    return client.answer();
  }

  /** A client whose request is being handled. */
  async holding(path: string = "/hold", more: readonly string[] = []): Promise<RawClient> {
    const client = await this.client();
    const before = this.calls.length;
    client.ask(path, more);
    await until(() => this.calls.length > before, `${path} is handled`);
    return client;
  }

  /** That all places are free again. */
  async free(): Promise<void> {
    await until(() => this.limiter.inflight === 0 && this.limiter.queued === 0, "all places are free");
  }

  async #handle(call: Call): Promise<Answer> {
    const { path } = call;
    this.calls.push({ path, context: call.context() });
    if (path === "/throw") throw new Error("thrown by the handler");
    if (path === "/body") return { body: String((await call.body()).length) };
    if (path === "/stream") return { streamUntil: this.#released };
    if (path === "/never") await new Promise(() => {});
    if (path === "/hold") await this.#released;
    if (path === "/busy") return { status: 503 };
    if (path === "/missing") return { status: 404 };
    return { body: path };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    for (const client of this.#clients) client.leave();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

export const cases: Readonly<Record<string, (start: StartServer) => Promise<void>>> = {
  async "answers, and gives the place back"(start) {
    await using bench = await Bench.start(start);
    expect(await bench.get("/hello")).toMatchObject({ status: 200, body: "/hello" });
    await bench.free();
    expect(bench.samples).toMatchObject([{ dropped: false, inflight: 1 }]);
  },

  async "refuses at once what finds no place, and keeps the connection"(start) {
    await using bench = await Bench.start(start);
    const first = await bench.holding();
    const second = await bench.client();
    for (let round = 0; round < 3; round++) {
      second.ask("/hello");
      const { status, headers, body } = await second.answer();
      expect(status).toBe(503);
      expect(body).toBe("");
      expect(headers["retry-after"]).toMatch(/^[123]$/);
      expect(headers["connection"]).not.toBe("close");
    }
    expect(bench.calls.length).toBe(1);
    bench.release();
    expect((await first.answer()).status).toBe(200);
    await bench.free();
    second.ask("/hello");
    expect((await second.answer()).status).toBe(200);
  },

  async "refuses before the body has come"(start) {
    await using bench = await Bench.start(start);
    await bench.holding();
    const client = await bench.client();
    client.ask("/body", ["Content-Length: 1000000"], "POST");
    expect((await client.answer()).status).toBe(503);
  },

  async "serves a body that comes late"(start) {
    await using bench = await Bench.start(start);
    const client = await bench.client();
    client.ask("/body", ["Content-Length: 5", "Content-Type: text/plain"], "POST");
    await until(() => bench.limiter.inflight === 1, "it is admitted before its body has come");
    client.socket.write("hello");
    expect(await client.answer()).toMatchObject({ status: 200, body: "5" });
    await bench.free();
  },

  async "asks for an expected body only of those it admits"(start) {
    await using bench = await Bench.start(start);
    continueWhenAdmitted(bench.server);
    const expecting = ["Content-Length: 5", "Content-Type: text/plain", "Expect: 100-continue"];
    const admitted = await bench.client();
    admitted.ask("/body", expecting, "POST");
    expect((await admitted.answer()).status).toBe(100);
    const refused = await bench.client();
    refused.ask("/body", expecting, "POST");
    expect((await refused.answer()).status).toBe(503);
    admitted.socket.write("hello");
    expect(await admitted.answer()).toMatchObject({ status: 200, body: "5" });
    await bench.free();
  },

  async "gives the place back when the handler throws"(start) {
    await using bench = await Bench.start(start);
    expect((await bench.get("/throw")).status).toBe(500);
    await bench.free();
    expect(bench.samples).toEqual([]);
    expect((await bench.get("/hello")).status).toBe(200);
  },

  async "learns from what was answered: a 503 is a drop, a 404 says nothing"(start) {
    await using bench = await Bench.start(start);
    for (const path of ["/missing", "/busy", "/hello"]) {
      await bench.get(path);
      await bench.free();
    }
    expect(bench.samples.map(({ dropped }) => dropped)).toEqual([true, false]);
  },

  async "aborts the context when the client leaves, and only then"(start) {
    await using bench = await Bench.start(start, { limit: 2 });
    const leaving = await bench.holding();
    const staying = await bench.holding();
    const [left, stayed] = bench.calls.map(({ context }) => context);
    leaving.leave();
    await until(() => left!.aborted, "the context is aborted");
    expect(String(left!.cause)).toContain("the client disconnected");
    expect(stayed!.aborted).toBe(false);
    bench.release();
    expect((await staying.answer()).status).toBe(200);
    await bench.free();
    // Neither says anything of the load but the one that was answered.
    expect(bench.samples.length).toBe(1);
  },

  async "forgets those who leave while they wait for a place"(start) {
    await using bench = await Bench.start(start, { maxQueue: 1 });
    await bench.holding();
    const waiting = await bench.client();
    waiting.ask("/hello");
    await until(() => bench.limiter.queued === 1, "it waits");
    waiting.leave();
    await until(() => bench.limiter.queued === 0, "it does not wait any more");
    bench.release();
    await bench.free();
    expect(bench.calls.map(({ path }) => path)).toEqual(["/hold"]);
  },

  async "serves those who wait for a place, in their turn"(start) {
    await using bench = await Bench.start(start, { maxQueue: 1 });
    await bench.holding();
    const waiting = await bench.client();
    waiting.ask("/hello");
    await until(() => bench.limiter.queued === 1, "it waits");
    bench.release();
    expect(await waiting.answer()).toMatchObject({ status: 200, body: "/hello" });
    await bench.free();
  },

  async "refuses those who wait when their time is up: 504; when the service shuts down: 503"(start) {
    const clock = new FakeClock();
    using service = Context.root({ clock }).withCancel();
    const dispatch = new HeldDispatch();
    const options = { clock, signal: service, dispatch };
    await using bench = await Bench.start(start, { maxQueue: 2 }, options);
    const [turn, late, early] = [await bench.client(), await bench.client(), await bench.client()];
    turn.ask("/hello", ["X-Request-Timeout-Ms: 100"]);
    await until(() => dispatch.held.length === 1, "it waits for its turn");
    late.ask("/hello", ["X-Request-Timeout-Ms: 100"]);
    await until(() => bench.limiter.queued === 1, "it waits for a place");
    early.ask("/hello");
    await until(() => bench.limiter.queued === 2, "it waits for a place, too");
    await clock.advance(100);
    expect((await late.answer()).status).toBe(504);
    service.cancel();
    expect((await early.answer()).status).toBe(503);
    dispatch.letGo();
    expect((await turn.answer()).status).toBe(504);
    await bench.free();
    expect(bench.calls).toEqual([]);
  },

  async "forgets those who leave while they wait for their turn"(start) {
    const dispatch = new HeldDispatch();
    await using bench = await Bench.start(start, {}, { dispatch });
    const client = await bench.client();
    client.ask("/hello");
    await until(() => dispatch.held.length === 1, "it is admitted");
    client.leave();
    await bench.free();
    dispatch.letGo();
    await until(() => dispatch.size === 0, "all turns were taken");
    expect(bench.calls).toEqual([]);
  },

  async "serves many requests on one connection"(start) {
    await using bench = await Bench.start(start);
    const client = await bench.client();
    for (let index = 0; index < 50; index++) {
      client.ask(`/${index}`);
      expect(await client.answer()).toMatchObject({ status: 200, body: `/${index}` });
      await bench.free();
    }
  },

  async "answers pipelined requests in order, refused ones, too"(start) {
    await using bench = await Bench.start(start);
    const client = await bench.client();
    client.socket.write(["/hold", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
    await until(() => bench.calls.length === 1 && bench.limiter.shed === 2, "all are decided");
    bench.release();
    const statuses = [await client.answer(), await client.answer(), await client.answer()].map(({ status }) => status);
    expect(statuses).toEqual([200, 503, 503]);
    await bench.free();
  },

  async "gives all places back when a client leaves in the middle of a pipeline"(start) {
    await using bench = await Bench.start(start, { limit: 2, maxQueue: 2 });
    const client = await bench.client();
    client.socket.write("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4));
    await until(() => bench.calls.length === 2 && bench.limiter.queued === 2, "two are handled and two wait");
    client.leave();
    await until(() => bench.calls.every(({ context }) => context.aborted), "all contexts are aborted");
    bench.release();
    await bench.free();
  },

  async "serves HEAD"(start) {
    await using bench = await Bench.start(start);
    const client = await bench.client();
    client.ask("/hello", [], "HEAD");
    expect((await client.answer(false)).status).toBe(200);
    await bench.free();
  },

  async "takes no place for a stream of events once its headers are out"(start) {
    await using bench = await Bench.start(start);
    const client = await bench.client();
    client.ask("/stream", ["Accept: text/event-stream"]);
    await until(() => bench.samples.length === 1, "the time to the headers is a sample");
    expect(bench.limiter.inflight).toBe(0);
    expect(bench.calls[0]!.context.aborted).toBe(false);
    client.leave();
    await until(() => bench.calls[0]!.context.aborted, "the context is aborted");
    expect(bench.samples.length).toBe(1);
  },

  async "takes no place for a long response a second after its headers"(start) {
    const clock = new FakeClock();
    await using bench = await Bench.start(start, {}, { clock });
    const client = await bench.client();
    client.ask("/stream");
    await until(() => clock.pending === 1, "the headers are out");
    expect(bench.limiter.inflight).toBe(1);
    await clock.advance("1s");
    expect(bench.limiter.inflight).toBe(0);
    expect(bench.samples).toMatchObject([{ latency: 0 }]);
    expect(bench.calls[0]!.context.aborted).toBe(false);
  },

  async "always serves health checks"(start) {
    await using bench = await Bench.start(start);
    await bench.holding();
    expect((await bench.get("/healthz?verbose")).status).toBe(200);
    expect(bench.limiter.accepted).toBe(1);
    bench.release();
    await bench.free();
    expect(bench.samples.length).toBe(1);
  },

  async "takes no place for an upgrade"(start) {
    await using bench = await Bench.start(start);
    bench.server.on("upgrade", (_, socket) => {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    });
    expect((await bench.get("/hello", ["Connection: Upgrade", "Upgrade: echo"])).status).toBe(101);
    expect(bench.limiter.accepted).toBe(0);
  },

  async "aborts at the caller's deadline, and does not lose the place for ever"(start) {
    const clock = new FakeClock();
    await using bench = await Bench.start(start, {}, { clock });
    await bench.holding("/never", ["X-Request-Timeout-Ms: 250"]);
    const { context } = bench.calls[0]!;
    await clock.advance(249);
    expect(context.aborted).toBe(false);
    await clock.advance(1);
    expect(context.reason?.name).toBe("TimeoutError");
    expect(bench.limiter.inflight).toBe(1);
    await clock.advance("30s");
    expect(bench.limiter.inflight).toBe(0);
    expect(bench.samples).toMatchObject([{ dropped: true }]);
  },

  async "counts it as dropped when a client leaves after its deadline"(start) {
    const clock = new FakeClock();
    await using bench = await Bench.start(start, {}, { clock });
    let left = 0;
    bench.server.on("connection", (socket: Socket) => socket.on("close", () => left++));
    const client = await bench.holding("/never", ["X-Request-Timeout-Ms: 250"]);
    await clock.advance(250);
    client.leave();
    await until(() => client.socket.closed && left === 1, "it has gone, and the server knows");
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance("30s");
    expect(bench.limiter.inflight).toBe(0);
    expect(bench.samples).toMatchObject([{ dropped: true }]);
  },

  async "ends at its own timeout where the caller has none, and leaves no timer"(start) {
    const clock = new FakeClock();
    await using bench = await Bench.start(start, {}, { clock, timeout: "8s" });
    await bench.holding("/hold");
    expect(bench.calls[0]!.context.remaining()).toBe(8000);
    bench.release();
    await bench.free();
    await clock.advance("1s");
    expect(clock.pending).toBe(0);
  },

  async "refuses what comes too late, and reads nonsense as nothing"(start) {
    await using bench = await Bench.start(start);
    for (const value of ["0", "-5", "100, 0"]) {
      const { status, headers } = await bench.get("/hello", [`X-Request-Timeout-Ms: ${value}`]);
      expect([status, headers["retry-after"]]).toEqual([504, undefined]);
    }
    expect(bench.calls).toEqual([]);
    for (const value of ["soon", "1e9", "", "999999999999999999999999", "5; drop"]) {
      expect((await bench.get("/hello", [`X-Request-Timeout-Ms: ${value}`])).status).toBe(200);
      await bench.free();
    }
  },

  async "tells a caller over its quota when to come back"(start) {
    await using bench = await Bench.start(start, {}, { quota: () => 9500 });
    const { status, headers } = await bench.get("/hello");
    expect(status).toBe(429);
    expect(["10", "11", "12"]).toContain(headers["retry-after"]);
    expect(bench.limiter.accepted).toBe(0);
  },

  async "leaves no listeners behind on a connection"(start) {
    expect(await listenersAfter(10_000, start)).toBe(await listenersAfter(100, start));
  },
};

/** How many listeners a connection has after so many requests. */
export async function listenersAfter(requests: number, start: StartServer): Promise<number> {
  await using bench = await Bench.start(start, { limit: 100 });
  const sockets: Socket[] = [];
  bench.server.on("connection", (socket: Socket) => sockets.push(socket));
  const client = await bench.client();
  for (let sent = 0; sent < requests; sent += 50) {
    client.socket.write("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
    for (let answered = 0; answered < 50; answered++) expect((await client.answer()).status).toBe(200);
  }
  await bench.free();
  const [socket] = sockets;
  return socket!.eventNames().reduce((sum, name) => sum + socket!.listenerCount(name), 0);
}
