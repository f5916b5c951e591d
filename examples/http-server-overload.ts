// A service that can do two things at a time, and is asked for twelve: the queue of the limiter takes two more, the rest is
// refused at once. The health check is answered all the same, and payments go before everything else.
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fixed, Limiter } from "snowshed";
import { nodeHandler } from "snowshed/http";

// In a service leave it out: the limit is found by measuring, and who waits too long is shed. Here both are fixed, so that
// the output is always the same.
const limiter = new Limiter({ algorithm: fixed(2), maxQueue: "limit", queue: { target: "1h" } });
let finish!: () => void;
const slow = new Promise<void>((resolve) => {
  finish = resolve;
});
const served: string[] = [];

const handler = nodeHandler(
  async (request, response) => {
    if (request.url === "/healthz") return response.end("alive");
    await slow; // Stands for the work.
    served.push(request.url!);
    return response.end("done");
  },
  {
    limiter,
    priority: (request: IncomingMessage) => (request.url === "/pay" ? "critical" : "normal"),
    onShed: () => {
      // The first ten are decided on, and payments have come in: the work may go on.
      if (limiter.shed === 10) finish();
    },
  },
);
const server = createServer(handler);
await new Promise<void>((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const { port } = server.address() as AddressInfo;
const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);

const answers = Array.from({ length: 12 }, () => ask("/page"));
while (limiter.shed < 8) await new Promise((resolve) => setImmediate(resolve));
console.log(`in flight ${limiter.inflight}, waiting ${limiter.queued}, refused ${limiter.shed}`);

console.log("health check:", await (await ask("/healthz")).text());

// Those who wait give way to what matters more.
const payments = [ask("/pay"), ask("/pay")];
const statuses = await Promise.all([...answers, ...payments].map(async (answer) => (await answer).status));
console.log("200:", statuses.filter((status) => status === 200).length);
console.log("503:", statuses.filter((status) => status === 503).length);
console.log("payments:", statuses.slice(-2).join(" "));
console.log("served:", served.join(" "));
const refused = await Promise.all(answers);
const seconds = Number(refused.find(({ status }) => status === 503)?.headers.get("retry-after"));
console.log("come back in 1 to 3 seconds:", seconds >= 1 && seconds <= 3);
server.close();
server.closeAllConnections();

// Output:
// in flight 2, waiting 2, refused 8
// health check: alive
// 200: 4
// 503: 10
// payments: 200 200
// served: /page /page /pay /pay
// come back in 1 to 3 seconds: true
