// The frameworks, each with its adapter, in the form the conformance suite asks for.
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { serve as serveHono } from "@hono/node-server";
import type { Express } from "express";
import express5 from "express";
// @ts-expect-error: what it is called here has no types; those of Express 5 do
import express4 from "express4";
import Fastify from "fastify";
import { Hono } from "hono";
import { expressMiddleware, fastifyPlugin, honoMiddleware, nodeHandler, requestContext } from "snowshed/http";
import type { Answer, Call, StartServer } from "../../conformance/http-server.ts";

async function text(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}

export async function listening(server: Server): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Sends an answer as one that knows only `node:http` does. */
export async function send({ status = 200, body = "", streamUntil }: Answer, response: ServerResponse): Promise<void> {
  response.statusCode = status;
  if (streamUntil !== undefined) {
    response.flushHeaders();
    await streamUntil;
  }
  response.end(body);
}

export const callOf = (request: IncomingMessage): Call => ({
  path: request.url!.split("?")[0]!,
  context: () => requestContext(request),
  body: () => text(request),
});

export const startNode: StartServer = (handle, options) => {
  const handler = nodeHandler(async (request, response) => send(await handle(callOf(request)), response), {
    ...options,
    onError: () => {},
  });
  return listening(createServer(handler));
};

const startExpress =
  (express: () => Express): StartServer =>
  (handle, options) => {
    const app = express();
    // Its answer to errors that nobody handles is written to the console otherwise.
    app.set("env", "test");
    app.use(expressMiddleware(options));
    app.use((request, response, next) => {
      handle(callOf(request)).then((answer) => send(answer, response), next);
    });
    return listening(createServer(app));
  };

export const startExpress5: StartServer = startExpress(express5);
export const startExpress4: StartServer = startExpress(express4 as () => Express);

export const startFastify: StartServer = async (handle, options) => {
  const app = Fastify();
  await app.register(fastifyPlugin(options));
  app.all("*", async (request, reply) => {
    const { path } = callOf(request.raw);
    const body = async (): Promise<string> => request.body as string;
    const answer = await handle({ path, context: () => requestContext(request), body });
    if (answer.streamUntil === undefined) return reply.code(answer.status ?? 200).send(answer.body ?? "");
    reply.hijack();
    return send(answer, reply.raw);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server;
};

export const startHono: StartServer = async (handle, options) => {
  const app = new Hono();
  app.use(honoMiddleware(options));
  app.all("*", async (c) => {
    const answer = await handle({ path: c.req.path, context: () => requestContext(c), body: () => c.req.text() });
    const { streamUntil } = answer;
    if (streamUntil === undefined) return c.body(answer.body ?? "", (answer.status ?? 200) as 200);
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("first"));
        await streamUntil;
        controller.close();
      },
    });
    return new Response(stream);
  });
  app.onError((_, c) => c.text("", 500));
  const server = serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  await once(server, "listening");
  return server;
};
