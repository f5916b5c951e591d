import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import type { Endpoint } from "./targets.ts";
import { endpointText } from "./targets.ts";
import { Link } from "./link.ts";
import type { Stream, Toxic } from "./toxics.ts";
import { ProxyError } from "./toxics.ts";

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly up: Link;
  readonly down: Link;
  /** By toxic, whether this connection is one of its share. */
  readonly drawn: Map<string, boolean>;
  /** An end of it is gone and the other has not been told. */
  isBroken: boolean;
  end(): void;
}

/**
 * A TCP proxy in this process that delays, holds and breaks what passes through it. It loses no byte in the middle of a
 * connection: what it holds goes on when the fault is over, or the connection is reset.
 */
export class FaultProxy {
  readonly upstream: Endpoint;
  readonly #host: string;
  #port: number;
  #listener: Server | null = null;
  readonly #connections = new Set<Connection>();
  readonly #toxics = new Map<string, Toxic>();

  /** Port 0: a free one, known once it has started. */
  constructor(listen: Endpoint, upstream: Endpoint) {
    this.#host = listen.host;
    this.#port = listen.port;
    this.upstream = upstream;
  }

  get listen(): string {
    return endpointText({ host: this.#host, port: this.#port });
  }

  get port(): number {
    return this.#port;
  }

  get isEnabled(): boolean {
    return this.#listener !== null;
  }

  get toxics(): readonly Toxic[] {
    return [...this.#toxics.values()];
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#connections.size;
  }

  async start(): Promise<void> {
    if (this.#listener !== null) return;
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
    listener.listen({ host: this.#host, port: this.#port });
    await once(listener, "listening");
    listener.on("error", () => {});
    this.#listener = listener;
    this.#port = (listener.address() as AddressInfo).port;
  }

  /** Ends all connections, and refuses new ones. */
  async stop(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    for (const connection of this.#connections) connection.end();
    if (listener === null) return;
    listener.close();
    await once(listener, "close");
  }

  /** @throws ProxyError when there is one with its name. */
  add(toxic: Toxic): void {
    if (this.#toxics.has(toxic.name)) throw new ProxyError("toxic already exists", 409);
    this.#toxics.set(toxic.name, toxic);
    this.#apply(toxic);
  }

  replace(toxic: Toxic): void {
    this.#toxics.set(toxic.name, toxic);
    this.#apply(toxic);
  }

  toxic(name: string): Toxic {
    const toxic = this.#toxics.get(name);
    if (toxic === undefined) throw new ProxyError("toxic not found", 404);
    return toxic;
  }

  remove(name: string): void {
    const toxic = this.toxic(name);
    this.#toxics.delete(name);
    this.#heal([toxic]);
  }

  removeAll(): void {
    const gone = this.toxics;
    this.#toxics.clear();
    this.#heal(gone);
  }

  #accept(client: Socket): void {
    const toxics = this.toxics;
    const drawn = new Map<string, boolean>();
    const has = (type: string): Toxic | undefined =>
      toxics.find((toxic) => toxic.type === type && isDrawn(drawn, toxic));
    const reset = has("reset_peer");
    client.on("error", () => {});
    if (reset !== undefined) {
      setTimeout(() => client.resetAndDestroy(), reset.attributes["timeout"]).unref();
      return;
    }
    const wait = has("connect_latency")?.attributes["latency"] ?? 0;
    if (wait === 0) this.#join(client, drawn);
    else setTimeout(() => this.#join(client, drawn), wait).unref();
  }

  #join(client: Socket, drawn: Map<string, boolean>): void {
    if (client.destroyed || this.#listener === null) {
      client.destroy();
      return;
    }
    const server = connect({ ...this.upstream, allowHalfOpen: true });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const toxicsOf = (stream: Stream) => () =>
      this.toxics.filter((toxic) => toxic.stream === stream && isDrawn(drawn, toxic));
    const connection: Connection = {
      client,
      server,
      up: new Link(client, server, toxicsOf("upstream")),
      down: new Link(server, client, toxicsOf("downstream")),
      drawn,
      isBroken: false,
      end: () => {
        this.#connections.delete(connection);
        connection.up.stop();
        connection.down.stop();
        client.resetAndDestroy();
        server.resetAndDestroy();
      },
    };
    this.#connections.add(connection);
    // Through a hole nothing passes, not even that the other side is gone.
    const broke = (): void => {
      if (this.#isHeld(connection)) connection.isBroken = true;
      else if (!connection.isBroken) connection.end();
    };
    for (const socket of [client, server]) {
      socket.on("error", broke);
      socket.on("close", () => {
        if (client.destroyed && server.destroyed) this.#connections.delete(connection);
      });
    }
    server.once("connect", () => connection.up.pump());
    for (const toxic of this.toxics) if (toxic.type === "timeout") this.#closeLater(connection, toxic);
  }

  #isHeld(connection: Connection): boolean {
    return this.toxics.some((toxic) => toxic.type === "black_hole" && (connection.drawn.get(toxic.name) ?? false));
  }

  /** What a toxic does to the connections that are there. */
  #apply(toxic: Toxic): void {
    for (const connection of this.#connections) {
      if (!isDrawn(connection.drawn, toxic)) continue;
      if (toxic.type === "reset_peer") {
        setTimeout(() => connection.end(), toxic.attributes["timeout"]).unref();
      } else if (toxic.type === "half_open") {
        connection.isBroken = true;
        connection.up.stop();
        connection.server.destroy();
      } else if (toxic.type === "timeout") this.#closeLater(connection, toxic);
      connection.up.pump();
      connection.down.pump();
    }
  }

  #closeLater(connection: Connection, toxic: Toxic): void {
    const after = toxic.attributes["timeout"]!;
    if (after > 0 && isDrawn(connection.drawn, toxic)) setTimeout(() => connection.end(), after).unref();
  }

  #heal(gone: readonly Toxic[]): void {
    for (const connection of this.#connections) {
      // Without a time, Toxiproxy's own drops what came meanwhile. Here the connection ends instead.
      const isKilled = gone.some(
        ({ name, type, attributes }) =>
          (connection.drawn.get(name) ?? false) &&
          (type === "timeout" || (type === "black_hole" && attributes["kill"]! > 0)),
      );
      if (isKilled || connection.isBroken) connection.end();
      else {
        connection.up.pump();
        connection.down.pump();
      }
    }
    for (const { drawn } of this.#connections) for (const { name } of gone) drawn.delete(name);
  }
}

function isDrawn(drawn: Map<string, boolean>, { name, toxicity }: Toxic): boolean {
  const before = drawn.get(name);
  if (before !== undefined) return before;
  const isOne = Math.random() < toxicity;
  drawn.set(name, isOne);
  return isOne;
}
