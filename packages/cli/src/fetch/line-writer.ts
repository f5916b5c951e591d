import type { Writable } from "node:stream";
import { systemCode } from "../system-error.ts";

/** Bytes, roughly, that may wait for the reader before those who write have to wait, too. */
const highWater = 256 * 1024;

/** Whether nobody reads any more, as opposed to: it cannot be stored. */
export function isClosed(error: Error): boolean {
  const code = systemCode(error);
  return code === "EPIPE" || code.startsWith("ERR_STREAM_");
}

/**
 * Writes lines to a stream, those of one turn of the event loop together. Whoever writes faster than the stream is read
 * gets a promise to wait for.
 */
export class LineWriter {
  readonly #stream: Writable;
  readonly #failed: (error: Error) => void;
  readonly #onError: (error: Error) => void;
  #lines: string[] = [];
  #size = 0;
  #written: (() => void)[] = [];
  #scheduled = false;
  #writing: Promise<void> | undefined;
  #broken = false;
  /** Called before each chunk: whoever draws on the same terminal clears the place. */
  beforeChunk: () => void = () => {};

  /** `failed` is called once, when the stream cannot be written any more. From then on lines are dropped. */
  constructor(stream: Writable, failed: (error: Error) => void) {
    this.#stream = stream;
    this.#failed = failed;
    this.#onError = (error) => this.#break(error);
    stream.on("error", this.#onError);
  }

  /**
   * Takes a line without its line break. A promise means: wait for it before the next one. `written` is called when the
   * operating system has taken the line.
   */
  write(line: string, written?: () => void): Promise<void> | undefined {
    if (this.#broken) return undefined;
    this.#lines.push(line);
    this.#size += line.length + 1;
    if (written !== undefined) this.#written.push(written);
    if (this.#size >= highWater) return this.#writing ?? this.#write();
    if (!this.#scheduled && this.#writing === undefined) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        if (this.#writing === undefined) void this.#write();
      });
    }
    return undefined;
  }

  /** Resolves when all lines have been taken, or never will be. */
  async flush(): Promise<void> {
    while (!this.#broken && (this.#size > 0 || this.#writing !== undefined)) await (this.#writing ?? this.#write());
  }

  /** Lets go of the stream, after `flush`. */
  detach(): void {
    this.#stream.off("error", this.#onError);
  }

  #write(): Promise<void> {
    const chunk = `${this.#lines.join("\n")}\n`;
    const written = this.#written;
    this.#lines = [];
    this.#written = [];
    this.#size = 0;
    if (chunk === "\n") return Promise.resolve();
    this.beforeChunk();
    this.#writing = new Promise<void>((resolve) => {
      const close = (): void => {
        this.#break(Object.assign(new Error("the output was closed"), { code: "EPIPE" }));
        resolve();
      };
      this.#stream.once("close", close);
      this.#stream.write(chunk, (error) => {
        this.#stream.off("close", close);
        if (error !== null && error !== undefined) this.#break(error);
        else for (const callback of written) callback();
        resolve();
      });
    }).then(() => {
      this.#writing = undefined;
      // What came meanwhile goes out at once.
      if (this.#size > 0 && !this.#broken) void this.#write();
    });
    return this.#writing;
  }

  #break(error: Error): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#lines = [];
    this.#written = [];
    this.#size = 0;
    this.#failed(error);
  }
}
