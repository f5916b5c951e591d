import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Dump, Hello, Profile, ProfileKind, WatchFrame } from "./dump-types.ts";
import { Gone, NoAnswer } from "./look-failure.ts";
import { checkDump, checkFrame, checkHello, checkProfile } from "./check-dump.ts";

/** An answer is a line; one without end is none of a process that we know. */
const longestAnswer = 64 * 1024 * 1024;

/** Lines that nobody has asked for yet are not read: of frames that are not shown in time, the process keeps none. */
const mostAhead = 8;

/** More are in no dump of a process that we know: it sends at most 100 000 tasks, and as many resources. */
const mostEntries = 200_000;

/** Asks one process, a request after the other. Each answer must come within `timeout` milliseconds. */
export class ProcessClient {
  readonly #socket: Socket;
  readonly #timeout: number;
  readonly #lines: unknown[] = [];
  #pieces: Buffer[] = [];
  #size = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket, timeout: number) {
    this.#socket = socket;
    this.#timeout = timeout;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(new Gone(error.message)));
    socket.on("close", () => this.#fail(new Gone("the connection was closed")));
  }

  /** Rejects with `Gone` when nobody listens there. */
  static connect(address: string, timeout: number): Promise<ProcessClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(address);
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new NoAnswer());
      }, timeout);
      socket.once("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        // Its queue of connections is full: it is alive, and accepts none.
        reject(error.code === "EAGAIN" ? new NoAnswer() : error.code === "EACCES" ? error : new Gone(error.message));
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve(new ProcessClient(socket, timeout));
      });
    });
  }

  async hello(): Promise<Hello> {
    return checkHello(await this.#ask({ request: "hello" }));
  }

  async snapshot(limit: number): Promise<Dump> {
    return this.#dump({ request: "snapshot", limit });
  }

  /** What is stuck, alone: see the tasks of `snapshot()` for all. */
  async deadlocks(): Promise<Dump> {
    return this.#dump({ request: "deadlocks" });
  }

  async profile(kind: ProfileKind): Promise<Profile> {
    return checkProfile(await this.#ask({ request: "profile", kind }));
  }

  /** Asks for a frame each `interval` milliseconds: `frame()` gives them. */
  async watch(kind: ProfileKind, interval: number): Promise<void> {
    await this.#ask({ request: "watch", kind, interval });
  }

  /** The next frame; undefined when none has come in `ms`. Rejects with `Gone` at the end of the process. */
  async frame(ms: number): Promise<WatchFrame | undefined> {
    const line = await this.#line(ms);
    if (line === undefined) return undefined;
    const { frame, error } = line;
    if (frame === undefined) throw new Error(messageOf(error));
    return checkFrame(frame);
  }

  /** Sends a request and goes, without an answer: it is read when the process comes to it. */
  leave(request: object): Promise<void> {
    return new Promise((resolve) => this.#socket.end(`${JSON.stringify(request)}\n`, resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #dump(request: object): Promise<Dump> {
    let page = (await this.#ask(request)) as Partial<Page>;
    const { head } = page;
    const [tasks, resources]: [unknown[], unknown[]] = [[], []];
    for (;;) {
      for (const task of listOf(page.tasks)) tasks.push(task);
      for (const resource of listOf(page.resources)) resources.push(resource);
      if (typeof page.next !== "string") break;
      if (
        tasks.length + resources.length > mostEntries ||
        listOf(page.tasks).length + listOf(page.resources).length === 0
      )
        throw new Error("it sends more than any process of a known version");
      page = (await this.#ask({ request: "snapshot", cursor: page.next })) as Partial<Page>;
    }
    return checkDump({ ...(head as object | undefined), tasks, resources });
  }

  async #ask(request: object): Promise<unknown> {
    this.#socket.write(`${JSON.stringify(request)}\n`);
    const line = await this.#line(this.#timeout);
    if (line === undefined) throw new NoAnswer();
    const { answer, error } = line;
    if (answer === undefined) throw new Error(messageOf(error));
    return answer;
  }

  async #line(ms: number): Promise<Line | undefined> {
    if (this.#lines.length === 0 && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const line = this.#lines.shift();
    if (this.#socket.isPaused() && this.#lines.length < mostAhead) this.#socket.resume();
    if (line !== undefined) return line as Line;
    if (this.#failure !== undefined) throw this.#failure;
    return undefined;
  }

  #read(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.#pieces.push(chunk.subarray(start, end));
      start = end + 1;
      const text = Buffer.concat(this.#pieces).toString("utf8");
      this.#pieces = [];
      this.#size = 0;
      this.#take(text);
    }
    if (this.#lines.length >= mostAhead) this.#socket.pause();
    this.#pieces.push(chunk.subarray(start));
    this.#size += chunk.length - start;
    if (this.#size > longestAnswer) this.#fail(new Error("its answer is longer than any of a known version"));
  }

  #take(text: string): void {
    try {
      const line: unknown = JSON.parse(text);
      if (typeof line !== "object" || line === null) throw new TypeError();
      this.#lines.push(line);
      this.#wake();
    } catch {
      this.#fail(new Error("what it answers is not JSON"));
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#wake();
  }
}

interface Page {
  readonly head: unknown;
  readonly tasks: unknown;
  readonly resources: unknown;
  readonly next: unknown;
}

interface Line {
  readonly answer?: unknown;
  readonly frame?: unknown;
  readonly error?: unknown;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : "its answer has no form that is known";
}
