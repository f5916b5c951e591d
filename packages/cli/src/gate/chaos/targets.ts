import { isIP } from "node:net";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What stands in the configuration cannot be done, or must not: nothing was injected. */
export class ChaosRefusal extends Error {
  override readonly name = "ChaosRefusal";
}

/** `host:port`, `[::1]:port`. */
export function toEndpoint(text: unknown, what: string): Endpoint {
  const [, bracketed, plain, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(typeof text === "string" ? text : "") ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 0 && port <= 65_535)) {
    throw new ChaosRefusal(
      `${what} must be host:port, such as 127.0.0.1:6379; it is ${JSON.stringify(text) ?? "missing"}`,
    );
  }
  // A name of this machine by its number: what it stands for elsewhere is not ours to follow.
  return { host: host === "localhost" ? "127.0.0.1" : host, port };
}

export function endpointText({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/**
 * What faults may be injected into. Without a list, only this machine by its loopback addresses; with one, only what
 * stands in it: `host:port`, `host:*`, `namespace:<name>` (or the bare name), `pid:<number>`.
 */
export class AllowList {
  readonly #entries: readonly string[] | null;

  constructor(entries: readonly string[] | undefined) {
    this.#entries = entries ?? null;
  }

  endpoint(endpoint: Endpoint): void {
    const text = endpointText(endpoint);
    if (this.#entries === null ? isLoopback(endpoint.host) : this.#entries.some((entry) => covers(entry, endpoint))) {
      return;
    }
    throw new ChaosRefusal(`${text} is not in chaos.targets: add "${text}" if a fault may be injected there`);
  }

  namespace(name: string): void {
    if (this.#entries?.some((entry) => entry === name || entry === `namespace:${name}`) === true) return;
    throw new ChaosRefusal(
      `the namespace ${name} is not in chaos.targets: add "namespace:${name}" if a fault may be injected there`,
    );
  }

  process(pid: number): void {
    if (this.#entries?.includes(`pid:${pid}`) === true) return;
    throw new ChaosRefusal(
      `the process ${pid} is not in chaos.targets: add "pid:${pid}", or name the host:port it listens on`,
    );
  }
}

function covers(entry: string, { host, port }: Endpoint): boolean {
  const normal = entry.replace(/^localhost:/, "127.0.0.1:");
  const name = host.includes(":") ? `[${host}]` : host;
  return normal === `${name}:${port}` || normal === `${name}:*`;
}
