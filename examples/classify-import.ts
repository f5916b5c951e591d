// One table of failures for all guards: an import from an API in which busy moments are waited for, refused records are
// skipped, and a wrong key stops everything.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { batch, classifier, FatalError, Group, isFatal, isRetryable, retryAfter } from "snowshed";

const attempts = new Map<string, number>();
const server = createServer((request, response) => {
  const path = request.url ?? "/";
  const attempt = (attempts.get(path) ?? 0) + 1;
  attempts.set(path, attempt);
  if (path === "/busy" && attempt === 1) response.writeHead(429, { "retry-after-ms": "5" });
  else if (path === "/broken" && attempt === 1) return void request.socket.destroy();
  else if (path === "/refused") response.writeHead(422);
  else if (path === "/key") response.writeHead(401);
  return void response.end(`record ${path}`);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function load(path: string, { signal }: { signal: AbortSignal }): Promise<string> {
  const response = await fetch(origin + path, { signal });
  if (response.ok) return response.text();
  await response.body?.cancel();
  // With these two on the error, the table and retryAfter() know what the server said.
  const { status, headers } = response;
  throw Object.assign(new Error(`${path}: status ${status}`), { status, headers });
}

// 1. A batch: what may pass is tried again, no sooner than asked for; what may not is an outcome.
const retry = {
  attempts: 3,
  backoff: { initial: 1 },
  retryable: isRetryable,
  retryAfter: (error: unknown) => retryAfter(error),
};
const { outcomes } = await batch(["/good", "/busy", "/broken", "/refused"], load, { retry });
for (const { input, status, attempts: made } of outcomes) console.log(`${input}: ${status} after ${made}`);

// 2. A group: it goes on after failures that may pass, and stops for the one that cannot.
const group = new Group({ failFast: isFatal });
group.go(() => {
  throw new Error("a record could not be written");
});
group.go((context) => load("/key", context));
const idle = group.go((context) => context.sleep("1h"));
await group.wait().catch((error: unknown) => console.log(`stopped: ${(error as Error).message}; idle ${idle.state}`));

// 3. Rules of your own before the table: here a wrong key is one that is about to be renewed.
const classify = classifier((outcome) => {
  if ((outcome as { status?: unknown } | null)?.status === 401) return "transient";
});
const failure: unknown = await load("/key", new Group().context).catch((error: unknown) => error);
console.log(`isFatal ${isFatal(failure)}, by our own rule ${classify(failure)}, ${classify(new FatalError())}`);
server.close();
server.closeAllConnections();

// Output:
// /good: ok after 1
// /busy: ok after 2
// /broken: ok after 2
// /refused: failed after 1
// stopped: /key: status 401; idle rejected
// isFatal true, by our own rule transient, fatal
