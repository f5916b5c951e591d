import type { IncomingMessage, ServerResponse } from "node:http";
import { checkFunction } from "../../errors.ts";
import type { AdmissionOptions } from "./admission.ts";
import { Admission } from "./admission.ts";
import type { AdmittedRequest } from "./admitted-request.ts";
import { receive } from "./node-request.ts";

export interface NodeHandlerOptions extends AdmissionOptions<IncomingMessage> {
  /** What the handler threw, once the request has been answered with 500. Default: it is an uncaught error. */
  readonly onError?: ((error: unknown, request: IncomingMessage) => void) | undefined;
}

/**
 * A request listener for `node:http` that admits as many requests to `handler` as can be served well. The others get a
 * 503 with `Retry-After` at once, before anything of their body is read.
 *
 * The place of a request is free again when its response has been sent and the promise of the handler, if it returns
 * one, has settled. A handler that fails before it has answered is answered for with 500.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { nodeHandler } from "snowshed/http";
 *
 * const server = createServer(nodeHandler((request, response) => response.end(`you asked for ${request.url}`)));
 * await new Promise<void>((resolve) => server.listen(0, resolve));
 * const { port } = server.address() as { port: number };
 * console.log(await (await fetch(`http://127.0.0.1:${port}/snow`)).text()); // you asked for /snow
 * server.close();
 * ```
 */
export function nodeHandler(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: NodeHandlerOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  checkFunction(handler, "handler");
  const { onError } = options;
  if (onError !== undefined) checkFunction(onError, "onError");
  const admission = new Admission(options);
  return (request, response) =>
    receive(admission, request, request, response, request.url ?? "", (own) => {
      run(own, handler, request, response, onError);
    });
}

function run(
  own: AdmittedRequest,
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  request: IncomingMessage,
  response: ServerResponse,
  onError: NodeHandlerOptions["onError"],
): void {
  const fail = (error: unknown): void => {
    own.finished(undefined);
    if (response.headersSent) response.destroy();
    else response.writeHead(500, ["Content-Length", "0"]).end();
    if (onError === undefined) throw error;
    onError(error, request);
  };
  let result: unknown;
  try {
    result = handler(request, response);
  } catch (error) {
    return fail(error);
  }
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") return;
  own.workBegan();
  void (async () => {
    try {
      await (result as PromiseLike<unknown>);
    } catch (error) {
      fail(error);
    } finally {
      own.workEnded();
    }
  })();
}
