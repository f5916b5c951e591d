import type { Context } from "snowshed";
import type { Dispatcher } from "undici";
import { Agent, interceptors } from "undici";
import type { BodySink } from "./body-sink.ts";
import type { Answer } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import type { FetchRequest } from "./request.ts";

export interface HttpClientOptions {
  /** Connections to one origin at most: also what redirects lead to keeps to it. */
  readonly perHost: number;
  /** Milliseconds after which a connection attempt is given up. */
  readonly connectTimeout: number;
  readonly maxBody: number;
  readonly maxRedirects: number;
  /** Where the body of a good answer goes; `undefined` lets it go. */
  readonly openSink?: ((request: FetchRequest, httpStatus: number) => BodySink | undefined) | undefined;
}

const longestConnectTimeout = 2 ** 31 - 1;

/** Sends requests over connections it keeps for the next ones. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;
  readonly #dispatcher: Dispatcher;
  #live = 0;
  #whenIdle: () => void = () => {};

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: options.perHost,
      pipelining: 1,
      // The context of each attempt limits all of it; a second clock would only add timers.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 16 * 1024,
      connect: { timeout: Math.min(options.connectTimeout, longestConnectTimeout) },
    });
    this.#dispatcher =
      options.maxRedirects === 0
        ? this.#agent
        : this.#agent.compose(interceptors.redirect({ maxRedirections: options.maxRedirects }));
  }

  /** One attempt. Rejects with a `FetchFailure`; when it settles, nothing of the attempt is left. */
  async attempt(request: FetchRequest, context: Context): Promise<Answer> {
    const { maxBody, maxRedirects, openSink } = this.#options;
    const { origin, path, method, headers, body } = request;
    const exchange = new Exchange({
      method,
      context,
      maxBody,
      maxRedirects,
      openSink: openSink === undefined ? undefined : (httpStatus) => openSink(request, httpStatus),
    });
    this.#live++;
    try {
      this.#dispatcher.dispatch({ origin, path, method, headers: headers as string[], body: body ?? null }, exchange);
      return await exchange.answer;
    } finally {
      if (--this.#live === 0) this.#whenIdle();
    }
  }

  /** Resolves when no attempt is under way, and closes all connections. Abort the attempts first, or it waits for them. */
  async close(): Promise<void> {
    if (this.#live > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#agent.destroy();
  }
}
