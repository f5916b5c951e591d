import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions } from "./admission.ts";
import { Admission } from "./admission.ts";
import { receive } from "./node-request.ts";

/** What is needed of a request of Fastify. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
}

/** What is needed of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  /** Tells Fastify that somebody else answers. */
  hijack(): unknown;
}

/** What is needed of an instance of Fastify. */
export interface FastifyLike<Request, Reply> {
  addHook(name: "onRequest", hook: (request: Request, reply: Reply, done: (error?: Error) => void) => void): unknown;
}

/**
 * A plugin for Fastify 5 that admits as many requests as can be served well, in an `onRequest` hook: before bodies are
 * parsed, for all routes of the instance it is registered with. Refused requests are answered past Fastify's own
 * reply, so its later hooks do not run for them.
 *
 * The place of a request is free again when its response has been sent, or its client has left.
 *
 * @example
 * ```ts no-check
 * import Fastify from "fastify";
 * import { fastifyPlugin } from "snowshed/http";
 *
 * const app = Fastify();
 * await app.register(fastifyPlugin({ timeout: "8s" }));
 * ```
 */
export function fastifyPlugin<
  Request extends FastifyRequestLike = FastifyRequestLike,
  Reply extends FastifyReplyLike = FastifyReplyLike,
>(
  options: AdmissionOptions<Request> = {},
): (instance: FastifyLike<Request, Reply>, _: unknown, done: () => void) => void {
  const admission = new Admission(options);
  const plugin = (instance: FastifyLike<Request, Reply>, _: unknown, done: () => void): void => {
    instance.addHook("onRequest", (request, reply, next) => {
      const { url = "" } = request.raw;
      receive(
        admission,
        request,
        request.raw,
        reply.raw,
        url,
        () => next(),
        () => reply.hijack(),
      );
    });
    done();
  };
  // What the package fastify-plugin does: the hook is for the instance that registers it, not for one of its own.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "snowshed",
  });
}
