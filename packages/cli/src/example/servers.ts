import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of the demonstration: what it does on a calm day it does for all, `storm` is its own trouble. */
export interface ExampleServer {
  readonly name: string;
  readonly trouble: string;
  /** URLs asked of it. */
  readonly requests: number;
  /** `undefined`: it is gone. */
  readonly storm: RequestListener | undefined;
}

const hello: RequestListener = (request, response) => {
  setTimeout(() => response.end(`Hello from ${String(request.url)}\n`), 5);
};

/** The first half of each second's requests is enough for it. */
function rateLimited(perSecond: number): RequestListener {
  let second = 0;
  let used = 0;
  return (request, response) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, used] = [now, 0];
    if (++used <= perSecond) return hello(request, response);
    response.writeHead(429, { "retry-after": "1" }).end();
  };
}

/** Every other request is answered 503. */
function flaky(): RequestListener {
  let count = 0;
  return (request, response) => {
    if (count++ % 2 === 1) return hello(request, response);
    response.writeHead(503).end();
  };
}

const trickle: RequestListener = (_request, response) => {
  response.writeHead(200, { "content-length": "1000" });
  const timer = setInterval(() => response.write("."), 200);
  response.on("close", () => clearInterval(timer));
};

export const exampleServers: readonly ExampleServer[] = [
  { name: "fast", trouble: "none", requests: 30, storm: hello },
  { name: "flaky", trouble: "503 every other time", requests: 20, storm: flaky() },
  { name: "limited", trouble: "429, Retry-After: 1", requests: 10, storm: rateLimited(4) },
  {
    name: "slow",
    trouble: "answers after 5 s",
    requests: 40,
    storm: (...pair) => void setTimeout(hello, 5000, ...pair).unref(),
  },
  { name: "hanging", trouble: "never answers", requests: 40, storm: () => {} },
  { name: "trickling", trouble: "5 bytes a second", requests: 20, storm: trickle },
  { name: "dead", trouble: "its port is closed", requests: 40, storm: undefined },
];

/** The servers of the demonstration, really listening on loopback ports. */
export class ExampleFleet {
  readonly #servers: readonly { readonly plan: ExampleServer; readonly server: Server }[];
  #stormy = false;

  constructor(plans: readonly ExampleServer[]) {
    this.#servers = plans.map((plan) => {
      const listener: RequestListener = (...pair) => (this.#stormy ? plan.storm : hello)?.(...pair);
      return { plan, server: createServer(listener) };
    });
  }

  async listen(): Promise<void> {
    for (const { server } of this.#servers) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
  }

  /** The requests for all servers, as input lines, in turn. */
  lines(): string[] {
    const lines: string[] = [];
    const most = Math.max(...this.#servers.map(({ plan }) => plan.requests));
    for (let index = 0; index < most; index++) {
      for (const { plan, server } of this.#servers) {
        if (index >= plan.requests) continue;
        const { port } = server.address() as AddressInfo;
        lines.push(
          JSON.stringify({ id: `${plan.name}-${index}`, url: `http://127.0.0.1:${port}/${plan.name}/${index}` }),
        );
      }
    }
    return lines;
  }

  /** From now on each has its trouble. */
  async breakDown(): Promise<void> {
    this.#stormy = true;
    for (const { plan, server } of this.#servers) if (plan.storm === undefined) await close(server);
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ server }) => close(server)));
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, "close");
}
