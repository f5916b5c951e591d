// The server under test: `node server.mjs <workload> <protection>`. Tells its port to its parent.
import { createServer } from "node:http";
import { fault, workloads } from "./workloads.mjs";

const [workload, protection] = process.argv.slice(2);
const work = workloads[workload];
const library = process.env.SNOWSHED_DIST ?? new URL("../../../packages/snowshed/dist/", import.meta.url).href;

const answer = (_request, response) => work().then(() => response.end("done"));
const listen = (listener) => createServer((request, response) => void listener(request, response));

/** Makes the server. A number is a static limit: so many in flight, the rest is refused. */
const protections = {
  none: () => listen(answer),

  limit(most) {
    let inflight = 0;
    return listen(async (request, response) => {
      if (inflight >= most) return response.writeHead(503).end();
      inflight++;
      await answer(request, response);
      return inflight--;
    });
  },

  async "under-pressure"() {
    const [{ default: fastify }, { default: underPressure }] = await Promise.all([
      import("fastify"),
      import("@fastify/under-pressure"),
    ]);
    const app = fastify({ forceCloseConnections: true });
    // As its README shows it, but for the memory limits, which a server of 100 MB would be over at rest.
    await app.register(underPressure, { maxEventLoopDelay: 1000, maxEventLoopUtilization: 0.98 });
    app.get("/", async () => {
      await work();
      return "done";
    });
    await app.ready();
    return app.server;
  },

  async "overload-protection"() {
    const { default: overloadProtection } = await import("overload-protection");
    const protect = overloadProtection("http", { production: true, clientRetrySecs: 1 });
    return listen((request, response) => protect(request, response) === true || answer(request, response));
  },

  async snowshed() {
    const { nodeHandler } = await import(new URL("adapters/http/index.js", library));
    return createServer(nodeHandler(answer));
  },
};

const server = await (protections[protection] ?? (() => protections.limit(Number(protection))))();
// Connections stay, as those of a proxy or a pool in front do.
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", 4096, () => process.send({ port: server.address().port }));

process.on("message", ({ slowdown }) => (fault.slowdown = slowdown));
process.on("disconnect", () => process.exit());
setInterval(() => process.send({ rss: process.memoryUsage.rss() }), 250);
