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

function failed(error: unknown): { readonly status: number; readonly body: { readonly error: string } } {
  const status = error instanceof ProxyError ? error.status : error instanceof ChaosRefusal ? 403 : 500;
  return { status, body: Object.assign({ error: error instanceof Error ? error.message : String(error) }, { status }) };
}

/** Fault proxies with the HTTP API of Toxiproxy, so that its clients work with them. On loopback only. */
export class ToxiproxyApi {
  readonly #allowed: AllowList;
  readonly #proxies = new Map<string, FaultProxy>();
  readonly #server: Server;
  /** The last change. */
  #last: Promise<unknown> = Promise.resolve();

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
    this.#check(listen, upstream);
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

  #check(listen: Endpoint, upstream: Endpoint): void {
    this.#allowed.endpoint(upstream);
    if (!isLoopback(listen.host)) throw new ProxyError("listen must be an address of loopback", 403);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request);
    } catch (error) {
      answer = failed(error);
    }
    if (!request.complete) response.setHeader("connection", "close");
    if (answer.body === undefined) response.writeHead(answer.status).end();
    else response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { "user-agent": agent = "", host = "", origin, "sec-fetch-site": site } = request.headers;
    // A page in a browser of this machine can send requests here, also under a name that it lets point here.
    const isNamed = isLoopback(host.replace(/:\d+$/, "").replaceAll(/[[\]]/g, ""));
    const isPage = agent.startsWith("Mozilla/") || origin !== undefined || site !== undefined;
    if (isPage || !isNamed) throw new ProxyError("not for browsers", 403);
    const method = request.method ?? "GET";
    const [first = "", ...names] = (request.url ?? "").replace(/\?.*$/, "").split("/").slice(1).map(decode);
    if (method === "GET") return this.#route(method, first, names, "");
    const body = method === "DELETE" ? "" : await readBody(request);
    // One change after the other: two that start the same proxy at once would want its port twice.
    const answer = this.#last.then(() => this.#route(method, first, names, body));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #route(method: string, first: string, names: readonly string[], body: string): Promise<Answer> {
    if (names.length === 0) return this.#collection(method, first, body);
    if (first !== "proxies") throw new ProxyError("404 page not found", 404);
    const [name = "", kind, toxic] = names;
    if (kind === undefined) return this.#single(method, name, body);
    if (kind !== "toxics" || names.length > 3) throw new ProxyError("404 page not found", 404);
    return this.#toxics(method, this.proxy(name), toxic, body);
  }

  async #collection(method: string, what: string, body: string): Promise<Answer> {
    switch (`${method} /${what}`) {
      case "GET /version":
        return { status: 200, body: { version } };
      case "GET /proxies":
        return { status: 200, body: Object.fromEntries([...this.#proxies].map(([name]) => [name, this.#shown(name)])) };
      case "POST /proxies":
        return { status: 201, body: await this.#add(parsed(body)) };
      case "POST /populate":
        return this.#populate(body);
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

  async #single(method: string, name: string, body: string): Promise<Answer> {
    const proxy = this.proxy(name);
    if (method === "GET") return { status: 200, body: this.#shown(name) };
    if (method === "DELETE") {
      this.#proxies.delete(name);
      await proxy.stop();
      return { status: 204 };
    }
    if (method !== "POST" && method !== "PATCH") throw notThere(true);
    const { listen, upstream, enabled } = objectOf(parsed(body));
    const from = endpointOf(listen ?? proxy.listen, "listen");
    const to = endpointOf(upstream ?? endpointText(proxy.upstream), "upstream");
    const isEnabled = flagOf(enabled, proxy.isEnabled);
    if (!isSame(proxy, from, to)) await this.#move(name, from, to, isEnabled);
    else if (isEnabled) await proxy.start();
    else await proxy.stop();
    return { status: 200, body: this.#shown(name) };
  }

  /** Where it cannot be, it stays as it was. */
  async #move(name: string, listen: Endpoint, upstream: Endpoint, isEnabled: boolean): Promise<void> {
    this.#check(listen, upstream);
    const before = this.proxy(name);
    const wasEnabled = before.isEnabled;
    const made = new FaultProxy(listen, upstream);
    for (const toxic of before.toxics) made.add(toxic);
    await before.stop();
    try {
      if (isEnabled) await made.start();
    } catch (error) {
      if (wasEnabled) await before.start();
      throw error;
    }
    this.#proxies.set(name, made);
  }

  #toxics(method: string, proxy: FaultProxy, name: string | undefined, body: string): Answer {
    if (name === undefined) {
      if (method === "GET") return { status: 200, body: proxy.toxics };
      if (method !== "POST") throw notThere(true);
      const toxic = toToxic(parsed(body));
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
    const toxic = toToxic(parsed(body), before);
    proxy.replace(toxic);
    return { status: 200, body: toxic };
  }

  async #add(body: unknown): Promise<object> {
    const given = objectOf(body);
    checkFields(given, "");
    const { name, upstream, listen, enabled } = given;
    if (!isName(name)) throw new ProxyError("bad request body: name", 400);
    // Clients that leave it out send an empty one.
    const from = endpointOf(listen === "" || listen === undefined ? "127.0.0.1:0" : listen, "listen");
    await this.create(name, from, endpointOf(upstream, "upstream"), flagOf(enabled, true));
    return this.#shown(name);
  }

  /** Those that are the same already are left as they are. */
  async #populate(body: string): Promise<Answer> {
    const proxies: object[] = [];
    try {
      const list = parsed(body);
      if (!Array.isArray(list)) throw new ProxyError("bad request body: not a list", 400);
      for (const [index, each] of list.entries()) checkFields(objectOf(each), ` at proxy ${index + 1}`);
      for (const each of list) proxies.push(await this.#ensure(objectOf(each)));
      return { status: 201, body: { proxies } };
    } catch (error) {
      const { status, body: said } = failed(error);
      return { status, body: { ...said, proxies } };
    }
  }

  async #ensure(given: Readonly<Record<string, unknown>>): Promise<object> {
    const { name, upstream, listen } = given;
    const before = typeof name === "string" ? this.#proxies.get(name) : undefined;
    if (before === undefined) return this.#add(given);
    const to = endpointOf(upstream, "upstream");
    const from = endpointOf(listen === "" || listen === undefined ? before.listen : listen, "listen");
    if (!isSame(before, from, to)) {
      this.#check(from, to);
      this.#proxies.delete(name as string);
      await before.stop();
      return this.#add(given);
    }
    return this.#shown(name as string);
  }

  #shown(name: string): object {
    const { listen, upstream, isEnabled, toxics } = this.proxy(name);
    return { name, listen, upstream: endpointText(upstream), enabled: isEnabled, toxics };
  }
}

function isSame(proxy: FaultProxy, listen: Endpoint, upstream: Endpoint): boolean {
  return proxy.listen === endpointText(listen) && endpointText(proxy.upstream) === endpointText(upstream);
}

function checkFields(given: Readonly<Record<string, unknown>>, where: string): void {
  for (const field of ["name", "upstream"]) {
    const value = given[field];
    if (value === undefined || value === "") throw new ProxyError(`missing required field: ${field}${where}`, 400);
  }
  flagOf(given["enabled"], true);
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

function flagOf(value: unknown, otherwise: boolean): boolean {
  const flag = value ?? otherwise;
  if (typeof flag === "boolean") return flag;
  throw new ProxyError("bad request body: enabled must be true or false", 400);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw new ProxyError(`bad request body: more than ${largestBody} bytes`, 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Once it is known that what it is for is there: what is not is 404, whatever the body. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new ProxyError("bad request body: not JSON", 400);
  }
}
