import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FaultProxy } from "./proxy.ts";
import type { AllowList, Endpoint } from "./targets.ts";
import { ChaosRefusal, endpointText, isLoopback, toEndpoint } from "./targets.ts";
import { isName, objectOf, ProxyError, toToxic } from "./toxics.ts";

const largestBody = 64 * 1024;
const mostProxies = 1000;

/** The version of Toxiproxy whose API this is. */
const version = "2.12.0";

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** Fault proxies with the HTTP API of Toxiproxy, so that its clients work with them. On loopback only. */
export class ToxiproxyApi {
  readonly #allowed: AllowList;
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #server: Server;

  /** What the proxies may stand in front of is in `allowed`. */
  constructor(allowed: AllowList) {
    this.#allowed = allowed;
    this.#server = createServer({ requestTimeout: 15_000 }, (request, response) => void this.#serve(request, response));
  }

  /** Resolves with where it listens. Port 0: a free one. */
  async listen(endpoint: Endpoint): Promise<Endpoint> {
    if (!isLoopback(endpoint.host))
      throw new ChaosRefusal("the API listens on loopback only: who reaches it can break things");
    this.#server.listen(endpoint);
    await once(this.#server, "listening");
    return { host: endpoint.host, port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.stop()));
  }

  proxy(name: string): FaultProxy {
    const proxy = this.#proxies.get(name);
    if (proxy === undefined) throw new ProxyError("proxy not found", 404);
    return proxy;
  }

  async create(name: string, listen: Endpoint, upstream: Endpoint, isEnabled = true): Promise<FaultProxy> {
    this.#allowed.endpoint(upstream);
    if (!isLoopback(listen.host)) throw new ProxyError("listen must be an address of loopback", 403);
    if (this.#proxies.has(name)) throw new ProxyError("proxy already exists", 409);
    if (this.#proxies.size >= mostProxies) throw new ProxyError(`there are ${mostProxies} proxies already`, 409);
    const proxy = new FaultProxy(listen, upstream);
    // Before the wait: the name is taken from now on.
    this.#proxies.set(name, proxy);
    try {
      if (isEnabled) await proxy.start();
    } catch (error) {
      this.#proxies.delete(name);
      throw error;
    }
    return proxy;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      const status = error instanceof ProxyError ? error.status : error instanceof ChaosRefusal ? 403 : 500;
      answer = { status, body: { error: error instanceof Error ? error.message : String(error), status } };
    }
    if (!request.complete) response.setHeader("connection", "close");
    if (answer.body === undefined) response.writeHead(answer.status).end();
    else response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { "user-agent": agent = "", host = "" } = request.headers;
    // A page in a browser of this machine can send requests here, also under a name that it lets point here.
    const isNamed = isLoopback(host.replace(/:\d+$/, "").replaceAll(/[[\]]/g, ""));
    if (agent.startsWith("Mozilla/") || !isNamed) throw new ProxyError("not for browsers", 403);
    const method = request.method ?? "GET";
    const [first = "", ...names] = (request.url ?? "").replace(/\?.*$/, "").split("/").slice(1).map(decode);
    const body = method === "GET" || method === "DELETE" ? undefined : await readBody(request);
    if (names.length === 0) return this.#collection(method, first, body);
    if (first !== "proxies") throw new ProxyError("404 page not found", 404);
    const [name = "", kind, toxic] = names;
    if (kind === undefined) return this.#single(method, name, body);
    if (kind !== "toxics" || names.length > 3) throw new ProxyError("404 page not found", 404);
    return this.#toxics(method, this.proxy(name), toxic, body);
  }

  async #collection(method: string, what: string, body: unknown): Promise<Answer> {
    switch (`${method} /${what}`) {
      case "GET /version":
        return { status: 200, body: { version } };
      case "GET /proxies":
        return { status: 200, body: Object.fromEntries([...this.#proxies].map(([name]) => [name, this.#shown(name)])) };
      case "POST /proxies":
        return { status: 201, body: await this.#add(body) };
      case "POST /populate": {
        const list = Array.isArray(body) ? (body as readonly unknown[]) : [body];
        const proxies: object[] = [];
        for (const each of list) proxies.push(await this.#populate(each));
        return { status: 201, body: { proxies } };
      }
      case "POST /reset":
        for (const proxy of this.#proxies.values()) {
          await proxy.start();
          proxy.removeAll();
        }
        return { status: 204 };
      default:
        throw notThere(what === "proxies" || what === "reset" || what === "populate" || what === "version");
    }
  }

  async #single(method: string, name: string, body: unknown): Promise<Answer> {
    const proxy = this.proxy(name);
    if (method === "GET") return { status: 200, body: this.#shown(name) };
    if (method === "DELETE") {
      this.#proxies.delete(name);
      await proxy.stop();
      return { status: 204 };
    }
    if (method !== "POST" && method !== "PATCH") throw notThere(true);
    const given = objectOf(body);
    const listen = given["listen"] ?? proxy.listen;
    const upstream = given["upstream"] ?? endpointText(proxy.upstream);
    const isEnabled = given["enabled"] ?? proxy.isEnabled;
    if (listen !== proxy.listen || upstream !== endpointText(proxy.upstream)) {
      const [to, from] = [toEndpoint(upstream, "upstream"), toEndpoint(listen, "listen")];
      this.#allowed.endpoint(to);
      const toxics = proxy.toxics;
      this.#proxies.delete(name);
      await proxy.stop();
      const made = await this.create(name, from, to, isEnabled !== false);
      for (const toxic of toxics) made.add(toxic);
    } else if (isEnabled === false) await proxy.stop();
    else await proxy.start();
    return { status: 200, body: this.#shown(name) };
  }

  #toxics(method: string, proxy: FaultProxy, name: string | undefined, body: unknown): Answer {
    if (name === undefined) {
      if (method === "GET") return { status: 200, body: proxy.toxics };
      if (method !== "POST") throw notThere(true);
      const toxic = toToxic(body);
      proxy.add(toxic);
      return { status: 200, body: toxic };
    }
    const before = proxy.toxic(name);
    if (method === "GET") return { status: 200, body: before };
    if (method === "DELETE") {
      proxy.remove(name);
      return { status: 204 };
    }
    if (method !== "POST" && method !== "PATCH") throw notThere(true);
    const toxic = toToxic(body, before);
    proxy.replace(toxic);
    return { status: 200, body: toxic };
  }

  async #add(body: unknown): Promise<object> {
    const given = objectOf(body);
    const { name, upstream, listen = "127.0.0.1:0", enabled = true } = given;
    for (const [field, value] of [
      ["name", name],
      ["upstream", upstream],
    ] as const) {
      if (value === undefined || value === "") throw new ProxyError(`missing required field: ${field}`, 400);
    }
    if (!isName(name)) throw new ProxyError("bad request body: name", 400);
    await this.create(name, endpointOf(listen, "listen"), endpointOf(upstream, "upstream"), enabled !== false);
    return this.#shown(name);
  }

  /** One that is the same already is left as it is. */
  async #populate(body: unknown): Promise<object> {
    const { name, upstream, listen } = objectOf(body);
    const before = typeof name === "string" ? this.#proxies.get(name) : undefined;
    if (before !== undefined) {
      if (before.listen === listen && endpointText(before.upstream) === upstream) return this.#shown(name as string);
      this.#proxies.delete(name as string);
      await before.stop();
    }
    return this.#add(body);
  }

  #shown(name: string): object {
    const { listen, upstream, isEnabled, toxics } = this.proxy(name);
    return { name, listen, upstream: endpointText(upstream), enabled: isEnabled, toxics };
  }
}

function notThere(isKnown: boolean): ProxyError {
  return isKnown ? new ProxyError("method not allowed", 405) : new ProxyError("404 page not found", 404);
}

function endpointOf(text: unknown, what: string): Endpoint {
  try {
    return toEndpoint(text, what);
  } catch (error) {
    throw new ProxyError(`bad request body: ${(error as Error).message}`, 400);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ProxyError("404 page not found", 404);
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw new ProxyError(`bad request body: more than ${largestBody} bytes`, 413);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch {
    throw new ProxyError("bad request body: not JSON", 400);
  }
}
