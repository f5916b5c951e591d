import { once } from "node:events";
import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** The address of a server that has ten places, a request each for `serviceMs`, and a queue of 100 before them. */
export async function tenPlaces(serviceMs: number): Promise<string> {
  let busy = 0;
  const queue: ServerResponse[] = [];
  const begin = (response: ServerResponse): void => {
    busy++;
    setTimeout(() => {
      busy--;
      response.end("x");
      const next = queue.shift();
      if (next !== undefined) begin(next);
    }, serviceMs);
  };
  const server = createServer((_, response) => {
    if (busy < 10) begin(response);
    else if (queue.length < 100) queue.push(response);
    else response.writeHead(503).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
