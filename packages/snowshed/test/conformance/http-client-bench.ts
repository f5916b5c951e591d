// What the checks of an HTTP client are made of: real servers on this machine, a client under test, and a clock that
// stands still. No check waits for a time to pass; turns of the event loop are what sockets of this process need.
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:net";
import type { Context } from "snowshed";
import type { HttpClientOptions, Origins } from "snowshed/http";
import { Origins as OriginsClass } from "snowshed/http";
import { FakeClock } from "snowshed/testing";
import { expect } from "vitest";
import { observe } from "../support/promises.ts";
import { quiet, until } from "../support/turns.ts";

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | null;
  readonly text: () => Promise<string>;
  readonly cancel: () => Promise<void>;
}

export interface Call {
  readonly method?: string;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | Context;
}

/** A client under test, made for one check. */
export interface HttpClient {
  readonly call: (url: string, call?: Call) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

export type MakeClient = (options: HttpClientOptions) => HttpClient;

export interface TestServer {
  readonly origin: string;
  readonly port: number;
  /** Requests that have arrived. */
  readonly arrived: () => number;
  /** Sockets that are open. */
  readonly sockets: () => number;
  readonly close: () => Promise<void>;
}

/** Of the clock: more than any case needs. */
const mostSteps = 20_000;

export class Bench {
  readonly clock = new FakeClock();
  readonly origins: Origins[] = [];
  readonly #make: MakeClient;
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(make: MakeClient) {
    this.#make = make;
  }

  client({ limiter, breaker, budget, maxOrigins, ...options }: HttpClientOptions = {}): HttpClient & {
    readonly origins: Origins;
  } {
    const origins = new OriginsClass({ limiter, breaker, budget, maxOrigins, clock: this.clock });
    const client = this.#make({ ...options, origins });
    this.origins.push(origins);
    this.#closing.push(client.close);
    return { ...client, origins };
  }

  async http(listener: (...args: [...Parameters<RequestListener>, number]) => void): Promise<TestServer> {
    let arrived = 0;
    return this.#listen(
      createHttpServer((request, response) => listener(request, response, ++arrived)),
      () => arrived,
    );
  }

  /** Answers each connection in bytes of its own. */
  async raw(listener: (socket: Socket, connection: number) => void): Promise<TestServer> {
    let arrived = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => listener(socket, ++arrived));
    });
    return this.#listen(server, () => arrived);
  }

  async #listen(server: Server, arrived: () => number): Promise<TestServer> {
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "0.0.0.0", resolve);
    });
    const { port } = server.address() as AddressInfo;
    const close = async (): Promise<void> => {
      if (!server.listening) return;
      const closed = new Promise((resolve) => {
        server.close(resolve);
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    };
    this.#closing.push(close);
    return { origin: `http://127.0.0.1:${port}`, port, arrived, sockets: () => sockets.size, close };
  }

  /** Moves the clock on, a little at a time and after the sockets, until `promise` is settled. */
  async finish<T>(promise: Promise<T>, step: number = 10): Promise<T> {
    const observed = observe(promise);
    for (let turns = 0; observed.outcome.status === "pending"; turns++) {
      if (turns === mostSteps) throw new Error("never settled");
      await quiet(5);
      if (observed.outcome.status === "pending") await this.clock.advance(step);
    }
    return promise;
  }

  /** Nothing may be left of what was asked for: no timer, no place, no socket. */
  async end(): Promise<void> {
    try {
      await quiet();
      const inflight = (): number =>
        this.origins
          .flatMap((origins) => [...origins.entries()])
          .reduce((sum, [, { limiter }]) => sum + (limiter?.inflight ?? 0), 0);
      // What is wrong with it is said below.
      await until(() => inflight() === 0 && this.clock.pending === 0, "the end").catch(() => {});
      for (const origins of this.origins) {
        for (const [name, { limiter }] of origins.entries()) expect(limiter?.inflight ?? 0, name).toBe(0);
      }
      expect(this.clock.pending, "timers").toBe(0);
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#closing.splice(0).map((close) => close()));
  }
}

/** A check of a client; it throws when the client does not hold. */
export interface Check {
  readonly name: string;
  /** What a client may not be able to do. */
  readonly needs?: "repeatable bodies" | "signals";
  /** Takes seconds: for one client of each kind. */
  readonly heavy?: boolean;
  readonly run: (bench: Bench) => Promise<void>;
}

export async function runCheck(check: Check, make: MakeClient): Promise<void> {
  const bench = new Bench(make);
  try {
    await check.run(bench);
    await bench.end();
  } finally {
    await bench.close();
  }
}

/** The body of a request, and that it has been read. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}
