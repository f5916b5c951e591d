import type { Context } from "snowshed";
import { Agent } from "undici";
import type { Answer, ExchangeOptions } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import { RedirectFollower } from "./redirect-follower.ts";
import type { FetchRequest } from "./request.ts";

export interface HttpClientOptions extends ExchangeOptions {
  /** Connections to one origin at most: also what redirects lead to keeps to it. */
  readonly perHost: number;
  /** Milliseconds after which a connection attempt is given up. */
  readonly connectTimeout: number;
}

const longestConnectTimeout = 2 ** 31 - 1;

/** Sends requests over connections it keeps for the next ones. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;
  #live = 0;
  #whenIdle: () => void = () => {};
  readonly #onEnd = (): void => {
    if (--this.#live === 0) this.#whenIdle();
  };

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
  }

  /** Attempts under way. */
  get live(): number {
    return this.#live;
  }

  /** One attempt. Rejects with a `FetchFailure`; when it settles, nothing of the attempt is left. */
  attempt(request: FetchRequest, context: Context): Promise<Answer> {
    const { maxRedirects } = this.#options;
    const { origin, path, method, headers, body } = request;
    const options = { origin, path, method, headers: headers as string[], body: body ?? null };
    const exchange = new Exchange(request, context, this.#options, this.#onEnd);
    this.#live++;
    const handler = maxRedirects === 0 ? exchange : new RedirectFollower(this.#agent, options, maxRedirects, exchange);
    this.#agent.dispatch(options, handler);
    return exchange.answer;
  }

  /** Resolves when no attempt is under way, and closes all connections. Abort the attempts first, or it waits for them. */
  async close(): Promise<void> {
    if (this.#live > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#agent.destroy();
  }
}
