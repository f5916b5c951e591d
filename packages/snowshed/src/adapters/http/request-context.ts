import type { Context } from "../../concurrency/context.ts";
import { invalidArgument } from "../../errors.ts";

/** Where an adapter leaves the context of a request, on the object that all layers of a framework share. */
const source: unique symbol = Symbol.for("snowshed.http.request");

/** Something that has a context, which it makes when it is first asked. */
interface ContextSource {
  readonly context: Context;
}

/** @internal */
export function attachContext(request: object, contextSource: ContextSource): void {
  (request as { [source]?: ContextSource })[source] = contextSource;
}

/**
 * The context of a request that came through one of the adapters: aborted when its client leaves, at its deadline (that
 * of its caller or the adapter's `timeout`), and when it has been answered. Pass it on to whatever the handler calls.
 *
 * Takes what the handler was given: a request of `node:http`, Express or Fastify, or the context of Hono. Anything
 * else is an argument error.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { nodeHandler, requestContext } from "snowshed/http";
 *
 * const server = createServer(
 *   nodeHandler(async (request, response) => {
 *     const context = requestContext(request);
 *     await context.sleep("5ms"); // Stands for: await fetch(url, { signal: context.signal })
 *     response.end("done");
 *   }),
 * );
 * await new Promise<void>((resolve) => server.listen(0, resolve));
 * const { port } = server.address() as { port: number };
 * console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text()); // done
 * server.close();
 * ```
 */
export function requestContext(request: object): Context {
  const outer = request as { readonly raw?: unknown; readonly req?: { readonly raw?: unknown } } | null | undefined;
  // Fastify wraps the request as `raw`, Hono's context as `req.raw`.
  for (const candidate of [outer, outer?.raw, outer?.req?.raw]) {
    const found = (candidate as { readonly [source]?: ContextSource } | null | undefined)?.[source];
    if (found !== undefined) return found.context;
  }
  throw invalidArgument(TypeError, "request", "a request that came through an adapter of snowshed/http", request);
}
