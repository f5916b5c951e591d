// The server under test: `node server.mjs <mode> <workload>`; prints its port.
import { createServer } from "node:http";

const [mode, workload] = process.argv.slice(2);
const library = process.env.SNOWSHED_DIST ?? new URL("../../../packages/snowshed/dist/", import.meta.url).href;
const { fixed, Limiter, Semaphore } = await import(`${library}index.js`);
const { DispatchQueue, nodeHandler, requestContext } = await import(`${library}adapters/http/index.js`);

/** Keeps the thread busy. By the wall clock: what others steal from the core must not make the handler a longer one. */
function compute(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const pool = new Semaphore(10);
const handlers = {
  hello: (_, response) => response.end("hello"),
  cpu(_, response) {
    compute(2);
    response.end("done");
  },
  // 1 ms of computing, and 20 ms in a pool of ten, as a query would be.
  async mixed(request, response) {
    compute(1);
    const signal = mode === "none" ? undefined : requestContext(request);
    await pool.run(() => new Promise((resolve) => setTimeout(resolve, 20)), { signal }).catch(() => undefined);
    response.end("done");
  },
  // Every 20th takes half a second: what no scheduling can help.
  pause(_, response) {
    compute(Math.random() < 0.005 ? 500 : 1);
    response.end("done");
  },
};
const handler = handlers[workload];

const limiter = new Limiter({ maxQueue: 100 });
const slice = Number(process.env.SLICE ?? 5);
const modes = {
  none: () => handler,
  blind: () => nodeHandler(handler, { limiter, dispatch: false, loopLag: false }),
  "lag only": () => nodeHandler(handler, { limiter, dispatch: false }),
  "dispatch only": () => nodeHandler(handler, { limiter, dispatch: new DispatchQueue({ slice }), loopLag: false }),
  snowshed: () => nodeHandler(handler, { limiter, dispatch: new DispatchQueue({ slice }) }),
  "shed all"() {
    const full = new Limiter({ algorithm: fixed(1) });
    full.tryAcquire();
    return nodeHandler(handler, { limiter: full });
  },
};
const serve = modes[mode]();
const server = createServer((request, response) => {
  if (request.url !== "/state") return serve(request, response);
  const { limit, inflight, queued } = limiter;
  response.end(JSON.stringify({ limit, inflight, queued, cpu: process.cpuUsage() }));
});
server.listen(0, "127.0.0.1", 4096, () => process.send?.(server.address().port));
// Whoever started it has gone.
process.on("disconnect", () => process.exit(0));
