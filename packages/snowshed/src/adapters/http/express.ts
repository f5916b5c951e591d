import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions } from "./admission.ts";
import { Admission } from "./admission.ts";
import { receive } from "./node-request.ts";

/** A request of Express or of Connect. */
export interface ExpressRequest extends IncomingMessage {
  /** The whole path, also where the middleware is mounted below one. */
  readonly originalUrl?: string | undefined;
}

/**
 * Middleware for Express 4 and 5, and for all that takes Connect's `(request, response, next)`: admits as many requests
 * as can be served well, and answers the others itself. Use it before anything that reads bodies.
 *
 * The place of a request is free again when its response has been sent, or its client has left: that a handler goes on
 * after that cannot be seen from here.
 *
 * @example
 * ```ts no-check
 * import express from "express";
 * import { expressMiddleware } from "snowshed/http";
 *
 * const app = express();
 * app.use(expressMiddleware({ priority: (request) => (request.url === "/pay" ? "critical" : "normal") }));
 * app.use(express.json());
 * ```
 */
export function expressMiddleware<Request extends ExpressRequest = ExpressRequest>(
  options: AdmissionOptions<Request> = {},
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  const admission = new Admission(options);
  return (request, response, next) =>
    receive(admission, request, request, response, request.originalUrl ?? request.url ?? "", () => next());
}
