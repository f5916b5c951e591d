// Work that ends with its client: a request fans out to two services; the client leaves in the middle of it, or says how
// long it will wait, and what runs on its behalf is canceled.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Context, Group } from "snowshed";
import { nodeHandler, requestContext, writeDeadline } from "snowshed/http";

let running = 0;
let began!: () => void;
const begun = new Promise<void>((resolve) => {
  began = resolve;
});

/** Stands for a call to another service. */
async function call(context: Context): Promise<void> {
  if (++running === 2) began();
  try {
    await context.sleep("1h");
  } finally {
    running--;
  }
}

const server = createServer(
  nodeHandler(async (request, response) => {
    const group = new Group({ signal: requestContext(request) });
    for (let service = 0; service < 2; service++) group.go(call);
    const ended = await group.wait().then(String, (error: unknown) => (error as Error).name);
    console.log(`${request.url} ended: ${ended}`);
    response.writeHead(504).end();
  }),
);
await new Promise<void>((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}`;

using leaving = Context.background.withCancel();
const first = fetch(`${url}/leaves`, { signal: leaving.signal }).catch((error: unknown) => (error as Error).name);
await begun;
console.log("running:", running);
leaving.cancel();
console.log("the client sees:", await first);
while (running > 0) await new Promise((resolve) => setImmediate(resolve));

// The time that is left travels in a header.
using hurried = Context.background.withTimeout("50ms");
const headers = new Headers();
writeDeadline(headers, hurried);
console.log("status:", (await fetch(`${url}/hurries`, { headers })).status);
console.log("running:", running);
server.close();
server.closeAllConnections();

// Output:
// running: 2
// the client sees: AbortError
// /leaves ended: AbortError
// /hurries ended: TimeoutError
// status: 504
// running: 0
