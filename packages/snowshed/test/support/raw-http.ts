import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A client that sees the bytes: what was asked for and what came, on one connection. */
export class RawClient {
  readonly socket: Socket;
  #received = "";
  #wake: () => void = () => {};

  private constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.setEncoding("latin1");
    this.socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.#wake());
  }

  static async open(port: number): Promise<RawClient> {
    const client = new RawClient(port);
    await once(client.socket, "connect");
    return client;
  }

  /** A request without a body, or the beginning of one: `more` are lines of the head. */
  ask(path: string, more: readonly string[] = [], method: string = "GET"): void {
    this.socket.write([`${method} ${path} HTTP/1.1`, "Host: localhost", ...more, "", ""].join("\r\n"));
  }

  /** The next answer. Of one whose end is not told by a length, what has come of its body so far. */
  async answer(hasBody: boolean = true): Promise<RawAnswer> {
    const end = await this.#find(() => this.#received.indexOf("\r\n\r\n"));
    const [first = "", ...lines] = this.#received.slice(0, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    const length = hasBody ? Number(headers["content-length"] ?? 0) : 0;
    await this.#find(() => (this.#received.length >= end + 4 + length ? 0 : -1));
    let body = this.#received.slice(end + 4, end + 4 + length);
    this.#received = this.#received.slice(end + 4 + length);
    if (hasBody && headers["transfer-encoding"] === "chunked") {
      const last = await this.#find(() => this.#received.indexOf("0\r\n\r\n"));
      body = this.#received.slice(0, last);
      this.#received = this.#received.slice(last + 5);
    }
    return { status: Number(first.split(" ")[1]), headers, body };
  }

  /** Goes away in the middle of whatever is going on. */
  leave(): void {
    this.socket.destroy();
  }

  async #find(position: () => number): Promise<number> {
    for (let found = position(); ; found = position()) {
      if (found !== -1) return found;
      if (this.socket.destroyed) throw new Error(`the connection ended after: ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
