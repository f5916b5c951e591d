// A process of the demonstration: a database of a fixed number of connections, each busy for a query's time. It serves in
// the order of arrival. A query that is running goes on when its client has left; one still waiting is dropped then.
import type { ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onParent, tellParent } from "./messages.ts";
import { databaseSlots, queryTime, seededRandom } from "./timeline.ts";

const random = seededRandom(1);
const waiting: ServerResponse[] = [];
let running = 0;
let slowdown = 1;

function serve(): void {
  while (running < databaseSlots && waiting.length > 0) {
    const response = waiting.shift()!;
    if (response.destroyed) continue;
    running++;
    const ms = (queryTime.least + random() * (queryTime.most - queryTime.least)) * slowdown;
    setTimeout(() => {
      running--;
      response.end("row");
      serve();
    }, ms);
  }
}

const server = createServer((_request, response) => {
  waiting.push(response);
  serve();
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", 4096, () => {
  tellParent({ kind: "listening", port: (server.address() as AddressInfo).port });
});

onParent((message) => {
  if (message.kind === "slowdown") slowdown = message.factor;
});
