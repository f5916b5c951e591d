import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface LoopbackServer {
  readonly url: (path: string) => string;
  /** How many requests for `path` have arrived. */
  readonly arrived: (path: string) => number;
  /** How many requests are open: neither answered nor dropped by the client. */
  readonly open: () => number;
  readonly close: () => Promise<void>;
}

/** A real HTTP server on a free port of this machine. `answer` may leave a request without an answer. */
export async function startServer(
  answer: (path: string, response: ServerResponse, attempt: number) => void,
): Promise<LoopbackServer> {
  const counts = new Map<string, number>();
  let open = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url!;
    const attempt = (counts.get(path) ?? 0) + 1;
    counts.set(path, attempt);
    open++;
    response.on("close", () => open--);
    answer(path, response, attempt);
  };
  const server = createServer(handle);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    arrived: (path) => counts.get(path) ?? 0,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Waits until sockets have done what `condition` looks for. It has no time of its own: the runner's limit ends it. */
export async function until(condition: () => boolean, turn: () => Promise<void> = macrotask): Promise<void> {
  while (!condition()) await turn();
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
