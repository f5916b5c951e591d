import type { FileHandle } from "node:fs/promises";
import { open, unlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import { readLines } from "./line-reader.ts";
import { LineWriter } from "./line-writer.ts";
import type { Outcome } from "./outcome.ts";

/** A failure that the cache may still answer. */
export interface HeldFailure {
  readonly outcome: Outcome;
  readonly answerKey: string;
  /** Name of the file for its body. */
  readonly fileName: string;
}

/**
 * The failed calls of a run until it is known, at its end, whether so many failed that the cache answers for them. On
 * disk, because there may be as many as there are requests: `batch` with its own `fallback` would hold them in memory.
 */
export class HeldFailures {
  readonly #handle: FileHandle;
  readonly #writer: LineWriter;
  readonly #file: string;
  #unlinked: boolean;

  private constructor(handle: FileHandle, writer: LineWriter, file: string, unlinked: boolean) {
    this.#handle = handle;
    this.#writer = writer;
    this.#file = file;
    this.#unlinked = unlinked;
  }

  /** `failed` is called when they cannot be written any more. Throws `UsageError` when they never could. */
  static async open(directory: string, failed: (error: Error) => void): Promise<HeldFailures> {
    const file = path.join(directory, `.snowshed-held-${process.pid}-${Date.now()}.ndjson`);
    try {
      const handle = await open(file, "wx+", 0o600);
      // Without a name it is gone when the process is, however that ends. Windows wants it closed first.
      const unlinked = await unlink(file).then(
        () => true,
        () => false,
      );
      const writer = new LineWriter(handle.createWriteStream({ autoClose: false }), failed);
      return new HeldFailures(handle, writer, file, unlinked);
    } catch (error) {
      throw new UsageError(`cannot write in ${directory}: ${describeSystemError(error)}`);
    }
  }

  add(failure: HeldFailure): Promise<void> | undefined {
    return this.#writer.write(JSON.stringify(failure));
  }

  /** All of them, in the order they came; nothing may be added any more. */
  async *all(): AsyncGenerator<HeldFailure> {
    await this.#writer.flush();
    const stream = this.#handle.createReadStream({ start: 0, autoClose: false });
    for await (const line of readLines(stream as AsyncIterable<Buffer>, Number.POSITIVE_INFINITY)) {
      if (line.text !== undefined) yield JSON.parse(line.text) as HeldFailure;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
    if (!this.#unlinked) await unlink(this.#file).catch(() => {});
    this.#unlinked = true;
  }
}
