import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** By connection: whom to tell when it closes. One listener for each, however many requests it brings. */
const watched = new WeakMap<Socket, Set<() => void>>();

/**
 * Tells a pipelined request that its connection has closed. Behind others it has no part in it yet, so its response is
 * not told; and the request itself is only as long as its body has not been read.
 *
 * @internal
 */
export function watchPipelined(request: IncomingMessage, response: ServerResponse, closed: () => void): void {
  if (response.socket !== null) return;
  const { socket } = request;
  const callbacks = watched.get(socket) ?? watch(socket);
  callbacks.add(closed);
  response.on("close", () => callbacks.delete(closed));
}

function watch(socket: Socket): Set<() => void> {
  const callbacks = new Set<() => void>();
  watched.set(socket, callbacks);
  socket.on("close", () => {
    for (const each of callbacks) each();
  });
  return callbacks;
}
