import { chmodSync, unlinkSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import process from "node:process";
import { invalidArgument, SnowshedError } from "../errors.ts";
import { openInspectorDoor } from "./inspector-door.ts";
import { makePrivateFolder, socketFolder, socketPath } from "./socket-folder.ts";
import { SocketSession } from "./socket-session.ts";
import { removeIfUnheard, removeStaleSockets } from "./stale-sockets.ts";

export interface ListenOptions {
  /**
   * Where the socket is made. The folder must belong to this user and be closed to all others (0700); it is made if it
   * is not there. Default: `$XDG_RUNTIME_DIR/snowshed`, else `snowshed-<number of the user>` in the temporary folder.
   */
  readonly folder?: string | undefined;
}

/** More at a time are turned away: what watches must not take the descriptors of what it watches. */
const mostClients = 16;

/**
 * Lets the command `snowshed` of the same user look into this process, by a unix socket that no other user can open
 * (0600 in a folder with 0700; on Windows a named pipe). Nothing listens on the network. The socket keeps no process
 * alive, and is removed at its end.
 *
 * Resolves when the socket is there. Rejects with `SNOWSHED_LISTEN_FAILED` if it cannot be made, or if the folder is not
 * safe: a symbolic link, of another user, or open to others. Afterwards nothing about it throws: a client that goes,
 * sends nonsense or reads slowly loses its connection or its frames, and the program goes on.
 *
 * What is answered is of the monitor of `enable()`; until there is one, requests are answered with an error.
 *
 * @example
 * ```ts no-run
 * import { enable, listen } from "snowshed/diagnostics";
 *
 * enable("production");
 * await using listener = await listen();
 * console.log(`look with: snowshed ps ${process.pid}`, listener.address);
 * ```
 */
export async function listen(options: ListenOptions = {}): Promise<DiagnosticsListener> {
  const { folder } = options;
  if (folder !== undefined && (typeof folder !== "string" || folder === "")) {
    throw invalidArgument(TypeError, "folder", "the path of a folder", folder);
  }
  const place = folder ?? socketFolder();
  if (process.platform !== "win32") {
    makePrivateFolder(place);
    await removeStaleSockets(place);
  }
  const address = socketPath(place);
  const server = createServer({ allowHalfOpen: false });
  try {
    await bind(server, address);
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    // Left by a process that had the same number.
    if (!isTaken || process.platform === "win32" || !(await removeIfUnheard(address))) throw failed(address, error);
    await bind(server, address).catch((again: unknown) => Promise.reject(failed(address, again)));
  }
  try {
    // The folder keeps others out from the first moment on. A umask would be that of all threads.
    if (process.platform !== "win32") chmodSync(address, 0o600);
  } catch (error) {
    server.close();
    throw failed(address, error);
  }
  openInspectorDoor();
  return new DiagnosticsListener(server, address);
}

/**
 * A socket that answers what the command `snowshed` asks: made by `listen()`.
 *
 * @example
 * ```ts no-run
 * import { listen } from "snowshed/diagnostics";
 *
 * const listener = await listen();
 * process.once("SIGTERM", () => void listener.close());
 * ```
 */
export class DiagnosticsListener implements AsyncDisposable {
  /** The path of the socket, or the name of the pipe. */
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #remove: () => void;

  /** @internal */
  constructor(server: Server, address: string) {
    this.address = address;
    this.#server = server;
    this.#remove = () => removeQuietly(address);
    server.maxConnections = mostClients;
    server.unref();
    server.on("connection", (socket) => this.#welcome(socket));
    // Out of descriptors, for example: the next client is accepted when there are some again.
    server.on("error", () => {});
    process.once("exit", this.#remove);
  }

  #welcome(socket: Socket): void {
    socket.unref();
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    new SocketSession(socket).open();
  }

  /** Cuts off its clients and removes the socket. Resolves when it is gone; calling it again does nothing more. */
  async close(): Promise<void> {
    process.removeListener("exit", this.#remove);
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function bind(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    // Exclusive: a worker of a cluster answers for itself, its primary for itself.
    server.listen({ path: address, exclusive: true }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

/** Containers may share a folder, and each counts its processes from one. */
const taken =
  "this process listens there already, or one of another container has the same number: give it another folder";

function failed(address: string, cause: unknown): SnowshedError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code === "EADDRINUSE" ? taken : message;
  return new SnowshedError("SNOWSHED_LISTEN_FAILED", `cannot listen at ${address}: ${reason}`, { cause });
}

function removeQuietly(address: string): void {
  try {
    unlinkSync(address);
  } catch {
    // It is gone already, or the process has given up the rights it was made with.
  }
}
