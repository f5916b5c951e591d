// The clients that go through the suite: each real API with snowshed in it.
import type { HttpClientOptions } from "snowshed/http";
import { undiciInterceptor, wrapFetch } from "snowshed/http";
import { Agent, fetch as undiciFetch, request } from "undici";
import type { Answer, HttpClient, MakeClient } from "../../conformance/http-client-bench.ts";

type AnyFetch = (url: string, init: object) => Promise<Response>;

function answerOf(response: Response): Answer {
  return {
    status: response.status,
    header: (name) => response.headers.get(name),
    text: () => response.text(),
    cancel: () => response.body!.cancel(),
  };
}

/** With an agent of its own, so that its connections can be closed. */
export function fetchClient(
  protect: (fetch: AnyFetch, options: HttpClientOptions) => AnyFetch,
  bare: AnyFetch = fetch,
): MakeClient {
  return (options) => {
    const dispatcher = new Agent();
    const call = protect((url, init) => bare(url, { dispatcher, ...init }), options);
    return {
      call: async (url, { body, ...init } = {}) =>
        answerOf(await call(url, { ...init, ...(body === undefined ? {} : { body, duplex: "half" }) })),
      close: () => dispatcher.destroy(),
    };
  };
}

export const platformFetch: MakeClient = fetchClient((bare, options) => wrapFetch(bare, options));

export const fetchOfUndici: MakeClient = fetchClient((bare, options) => wrapFetch(bare, options), undiciFetch);

export const undiciRequest: MakeClient = (options) => {
  const agent = new Agent();
  const dispatcher = agent.compose(undiciInterceptor(options));
  return {
    async call(url, { signal, method, body, headers } = {}) {
      const answer = await request(url, {
        dispatcher,
        ...(method === undefined ? {} : { method }),
        ...(headers === undefined ? {} : { headers }),
        // undici takes more than its types say.
        ...(body === undefined ? {} : { body: body as string }),
        ...(signal === undefined ? {} : { signal: nativeSignal(signal) }),
      });
      return {
        status: answer.statusCode,
        header: (name) => (answer.headers[name] as string | undefined) ?? null,
        text: () => answer.body.text(),
        async cancel() {
          answer.body.on("error", () => {}).destroy();
        },
      };
    },
    close: () => agent.destroy(),
  };
};

/**
 * The fetch of the platform over a dispatcher of undici. Bodies are streams by the time they get there, signals stay
 * behind, and errors of the dispatcher come back as causes.
 */
export const interceptedFetch: MakeClient = (options): HttpClient => {
  const agent = new Agent();
  const dispatcher = agent.compose(undiciInterceptor(options));
  const unwrap = (error: unknown): never => {
    throw error instanceof TypeError ? error.cause : error;
  };
  return {
    async call(url, { body, signal, ...init } = {}) {
      const given = {
        dispatcher,
        ...init,
        ...(signal === undefined ? {} : { signal: nativeSignal(signal) }),
        ...(body === undefined ? {} : { body, duplex: "half" }),
      };
      const response = await (fetch as AnyFetch)(url, given).catch(unwrap);
      return { ...answerOf(response), text: () => response.text().catch(unwrap) };
    },
    close: () => agent.destroy(),
  };
};

function nativeSignal(signal: NonNullable<Parameters<HttpClient["call"]>[1]>["signal"] & object): AbortSignal {
  return signal instanceof AbortSignal ? signal : signal.signal;
}
