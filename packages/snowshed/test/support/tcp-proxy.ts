import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";

/** `"up"`: what clients send. `"down"`: what the server sends. */
type Direction = "up" | "down";

export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Ends all connections, and refuses new ones. */
  readonly cut: () => void;
  /** Nothing passes any more, and nobody is told: a cable that was pulled out. New connections are taken, and get nothing. */
  readonly halfOpen: () => void;
  /** What goes this way is lost, from now on. */
  readonly drop: (direction: Direction) => void;
  /** What goes either way takes so many milliseconds longer. */
  readonly delay: (ms: number) => void;
  /** All is as at the beginning. What was lost stays lost: connections that lost something are ended. */
  readonly restore: () => void;
  readonly stop: () => Promise<void>;
}

/** Stands between clients and the server at `port` of this machine. */
export async function startProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket; isBroken: boolean }>();
  let isCut = false;
  let lost: ReadonlySet<Direction> = new Set();
  let pause = 0;

  const listener = createServer((client) => {
    if (isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(port, "127.0.0.1");
    const pair = { client, server, isBroken: false };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    const pass = (from: Socket, to: Socket, direction: Direction): void => {
      const late: { readonly chunk: Buffer; readonly due: number }[] = [];
      const flush = (): void => {
        for (let first = late[0]; first !== undefined; first = late[0]) {
          const left = first.due - performance.now();
          if (left > 0) {
            setTimeout(flush, left);
            return;
          }
          late.shift();
          if (!to.destroyed) to.write(first.chunk);
        }
      };
      from.on("data", (chunk: Buffer) => {
        if (lost.has(direction)) pair.isBroken = true;
        else if (pause === 0 && late.length === 0) to.write(chunk);
        else {
          // Never before what came before it, also when there is no delay any more.
          late.push({ chunk, due: performance.now() + pause });
          if (late.length === 1) flush();
        }
      });
      from.on("error", end);
      // An end is not seen through a cable that was pulled out.
      from.on("close", () => {
        if (!lost.has(direction)) end();
      });
    };
    pass(client, server, "up");
    pass(server, client, "down");
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");

  const endAll = (which: (pair: { readonly isBroken: boolean }) => boolean): void => {
    for (const pair of pairs) {
      if (!which(pair)) continue;
      pairs.delete(pair);
      pair.client.resetAndDestroy();
      pair.server.destroy();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    get open() {
      return pairs.size;
    },
    cut: () => {
      isCut = true;
      endAll(() => true);
    },
    halfOpen: () => {
      lost = new Set(["up", "down"]);
    },
    drop: (direction) => {
      lost = new Set([...lost, direction]);
    },
    delay: (ms) => {
      pause = ms;
    },
    restore: () => {
      isCut = false;
      lost = new Set();
      pause = 0;
      endAll(({ isBroken }) => isBroken);
    },
    stop: async () => {
      isCut = true;
      endAll(() => true);
      listener.close();
      await once(listener, "close");
    },
  };
}
