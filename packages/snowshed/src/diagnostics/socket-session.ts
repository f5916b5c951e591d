import type { Socket } from "node:net";
import { answerOf } from "./socket-answers.ts";

import type { Request } from "./socket-request.ts";
import { readRequest, RequestError } from "./socket-request.ts";
import { SnapshotPages } from "./snapshot-pages.ts";
import { FrameStream } from "./watch-frames.ts";

/** A request is a short line; a client that sends more without a line break is none of ours. */
const longestRequest = 4096;

/** Milliseconds without a byte either way. */
const longestSilence = 30_000;

/**
 * One client of `listen()`: a request in JSON per line, answered with a line, one after the other. It is read only when
 * the answer to the request before has been taken, so a client costs one answer of memory however it behaves.
 *
 * @internal
 */
export class SocketSession {
  readonly #socket: Socket;
  readonly #pages = new SnapshotPages();
  #input: Buffer = Buffer.alloc(0);
  #isBusy = false;
  #frames: FrameStream | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  open(): void {
    const socket = this.#socket;
    // Timers of sockets keep no process alive.
    socket.setTimeout(longestSilence, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.once("close", () => this.#close());
  }

  #read(chunk: Buffer): void {
    // A stream of frames is ended by closing the connection; what else comes then is no request.
    if (this.#frames !== undefined) return;
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    this.#next();
  }

  #next(): void {
    if (this.#isBusy || this.#socket.destroyed) return;
    const end = this.#input.indexOf(10);
    if (end > longestRequest || (end === -1 && this.#input.length > longestRequest)) {
      const message = `a request is a line of at most ${longestRequest} bytes`;
      this.#refuse(errorLine(null, new RequestError("BAD_REQUEST", message)));
      return;
    }
    if (end === -1) {
      this.#socket.resume();
      return;
    }
    const line = this.#input.toString("utf8", 0, end);
    this.#input = this.#input.subarray(end + 1);
    this.#isBusy = true;
    this.#socket.pause();
    // The callback comes when the system has taken all of it, or with the end of the connection.
    this.#socket.write(this.#answer(line), () => setImmediate(() => this.#goOn()));
  }

  /** The last thing that is said; what else comes is not read. */
  #refuse(line: string): void {
    this.#isBusy = true;
    this.#input = Buffer.alloc(0);
    this.#socket.pause();
    this.#socket.end(line, () => this.#socket.destroy());
  }

  #goOn(): void {
    this.#isBusy = false;
    if (this.#frames === undefined) {
      this.#next();
      return;
    }
    this.#input = Buffer.alloc(0);
    this.#socket.resume();
    this.#frames.start();
  }

  #answer(line: string): string {
    let request: Request | undefined;
    try {
      request = readRequest(line);
      if (request.request === "watch") {
        this.#frames = new FrameStream(this.#socket, request);
        this.#socket.setTimeout(longestSilence + 2 * request.interval);
        return answerLine(request.id, JSON.stringify({ interval: request.interval }));
      }
      return answerLine(request.id, answerOf(request, this.#pages));
    } catch (error) {
      // What the watched program made, such as a name that is no text, must not end it.
      return errorLine(request?.id ?? null, error);
    }
  }

  #close(): void {
    this.#frames?.stop();
    this.#pages.drop();
    this.#input = Buffer.alloc(0);
  }
}

/** `answer` is JSON already. */
function answerLine(id: Request["id"], answer: string): string {
  return `{"v":1,"id":${JSON.stringify(id)},"answer":${answer}}\n`;
}

function errorLine(id: Request["id"], error: unknown): string {
  const code = error instanceof RequestError ? error.code : "FAILED";
  const message = error instanceof Error ? error.message : "the answer could not be made";
  return `${JSON.stringify({ v: 1, id, error: { code, message } })}\n`;
}
