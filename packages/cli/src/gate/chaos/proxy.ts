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

/** A client that is let through later, or reset; the kernel has made its connection already. */
interface Waiting {
  readonly client: Socket;
  readonly drawn: Map<string, boolean>;
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
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
  readonly #waiting = new Set<Waiting>();
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
    for (const { client, timer } of this.#waiting) {
      clearTimeout(timer);
      client.resetAndDestroy();
    }
    this.#waiting.clear();
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
    const before = this.#toxics.get(toxic.name);
    this.#toxics.set(toxic.name, toxic);
    // Another share is drawn anew, also for the connections that are there.
    if (before !== undefined && before.toxicity !== toxic.toxicity) {
      for (const connection of this.#connections) {
        const had = connection.drawn.get(toxic.name) ?? false;
        const has = Math.random() < toxic.toxicity;
        const isKept = !had || has;
        if (!isKept && this.#isEndedBy(connection, [before])) connection.end();
        connection.drawn.set(toxic.name, has);
        if (!isKept) this.#change(connection);
      }
      for (const { drawn } of this.#waiting) drawn.delete(toxic.name);
    }
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
    client.on("error", () => {});
    this.#admit({ client, drawn: new Map(), since: performance.now(), timer: undefined });
  }

  /** Lets a client through, now or later, or resets it. Asked again when the toxics have changed. */
  #admit(waiting: Waiting): void {
    const { client, drawn, since } = waiting;
    clearTimeout(waiting.timer);
    this.#waiting.delete(waiting);
    const has = (type: string): Toxic | undefined =>
      this.toxics.find((toxic) => toxic.type === type && isDrawn(drawn, toxic));
    const reset = has("reset_peer")?.attributes["timeout"];
    const wait = reset ?? has("connect_latency")?.attributes["latency"] ?? 0;
    const left = since + wait - performance.now();
    const go = (): void => {
      this.#waiting.delete(waiting);
      if (reset !== undefined) client.resetAndDestroy();
      else this.#join(client, drawn);
    };
    if (left <= 0) {
      go();
      return;
    }
    waiting.timer = setTimeout(go, left).unref();
    this.#waiting.add(waiting);
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
      if (toxic.type === "reset_peer") this.#endLater(connection, toxic);
      else if (toxic.type === "half_open") {
        connection.isBroken = true;
        connection.up.stop();
        connection.server.destroy();
      } else if (toxic.type === "timeout") this.#closeLater(connection, toxic);
      this.#change(connection);
    }
    this.#admitAll();
  }

  #closeLater(connection: Connection, toxic: Toxic): void {
    if (toxic.attributes["timeout"]! > 0 && isDrawn(connection.drawn, toxic)) this.#endLater(connection, toxic);
  }

  /** Unless it has been taken back, or changed, by then. */
  #endLater(connection: Connection, toxic: Toxic): void {
    const end = (): void => {
      if (this.#toxics.get(toxic.name) === toxic) connection.end();
    };
    setTimeout(end, toxic.attributes["timeout"]).unref();
  }

  #heal(gone: readonly Toxic[]): void {
    for (const connection of this.#connections) {
      if (this.#isEndedBy(connection, gone)) connection.end();
      for (const { name } of gone) connection.drawn.delete(name);
      this.#change(connection);
    }
    for (const { drawn } of this.#waiting) for (const { name } of gone) drawn.delete(name);
    this.#admitAll();
  }

  #admitAll(): void {
    // Of those that are there now: who goes on waiting is put back.
    const all = [...this.#waiting];
    for (const waiting of all) this.#admit(waiting);
  }

  /** Whether a connection cannot go on without these toxics. */
  #isEndedBy({ drawn, isBroken }: Connection, gone: readonly Toxic[]): boolean {
    // What came meanwhile is lost: who went on would take the answer of one question for another's.
    const isKilled = gone.some(
      ({ name, type, attributes }) =>
        (drawn.get(name) ?? false) && (type === "timeout" || (type === "black_hole" && attributes["kill"]! > 0)),
    );
    return isKilled || isBroken;
  }

  #change({ up, down }: Connection): void {
    up.changed();
    down.changed();
  }
}

function isDrawn(drawn: Map<string, boolean>, { name, toxicity }: Toxic): boolean {
  const before = drawn.get(name);
  if (before !== undefined) return before;
  const isOne = Math.random() < toxicity;
  drawn.set(name, isOne);
  return isOne;
}
