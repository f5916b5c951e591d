import type { WriteStream } from "node:fs";
import { createWriteStream } from "node:fs";
import { opendir, rename, unlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { describeSystemError, systemCode } from "../system-error.ts";
import type { BodySink } from "./body-sink.ts";
import { FetchFailure } from "./failure.ts";

const partPattern = /^\.snowshed-(\d+)-\d+\.part$/;
let parts = 0;

/**
 * A file that is written under a temporary name in the folder it is for, and renamed when it is whole. Nobody ever sees
 * a half-written file under its final name, however the process ends.
 */
export class BodyFile implements BodySink {
  readonly #part: string;
  readonly #file: string;
  readonly #stream: WriteStream;
  readonly #closed: Promise<void>;
  #error: FetchFailure | undefined;
  #discarded = false;
  drained: () => void = () => {};
  failed: (failure: FetchFailure) => void = () => {};

  constructor(file: string, mode: number) {
    this.#file = file;
    this.#part = path.join(path.dirname(file), `.snowshed-${process.pid}-${++parts}.part`);
    this.#stream = createWriteStream(this.#part, { flags: "wx", mode, highWaterMark: 256 * 1024 });
    this.#closed = new Promise((resolve) => this.#stream.once("close", resolve));
    this.#stream.on("drain", () => this.drained());
    this.#stream.on("error", (error) => {
      // That a write under way could not be finished is what discarding means.
      if (this.#discarded) return;
      this.#error ??= writeFailure(error);
      this.failed(this.#error);
    });
  }

  write(chunk: Buffer): boolean {
    return this.#error !== undefined || this.#stream.write(chunk);
  }

  async commit(): Promise<void> {
    this.#stream.end();
    await this.#closed;
    if (this.#error === undefined) {
      try {
        await rename(this.#part, this.#file);
        return;
      } catch (error) {
        this.#error = writeFailure(error);
      }
    }
    await this.discard();
    throw this.#error;
  }

  async discard(): Promise<void> {
    this.#discarded = true;
    this.#stream.destroy();
    await this.#closed;
    // Not there if it could not be made.
    await unlink(this.#part).catch(() => {});
  }
}

/** Removes what runs that were killed have left in `directory`. Parts of runs that still live stay. */
export async function sweepParts(directory: string): Promise<void> {
  for await (const entry of await opendir(directory)) {
    const owner = partPattern.exec(entry.name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) await unlink(path.join(directory, entry.name)).catch(() => {});
  }
}

/** A failure to keep what was fetched. Running out of file handles passes; a full disk does not. */
function writeFailure(error: unknown): FetchFailure {
  const code = systemCode(error);
  const message = `cannot write: ${describeSystemError(error)}`;
  if (code === "EMFILE" || code === "ENFILE") {
    return new FetchFailure("TOO_MANY_OPEN_FILES", message, { cause: error, transient: true });
  }
  return new FetchFailure("WRITE_FAILED", message, { cause: error });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
