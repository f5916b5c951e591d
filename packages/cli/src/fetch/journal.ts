import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import path from "node:path";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import { CompletedSet } from "./completed-set.ts";
import { readLines } from "./line-reader.ts";
import { LineWriter } from "./line-writer.ts";

const journalName = ".snowshed-journal.ndjson";

/** No line of a journal is longer, so a damaged one costs no memory. */
const longestLine = 1024;

/**
 * What a run has completed, one line per request, beside the bodies in the output folder. A line is written after the
 * body got its final name and after its outcome was handed on: whatever stops the process, what is listed is there.
 */
export class Journal {
  readonly #writer: LineWriter;
  readonly #stream: ReturnType<FileHandle["createWriteStream"]>;
  /** What earlier runs have completed. */
  readonly completed: CompletedSet;

  private constructor(
    stream: ReturnType<FileHandle["createWriteStream"]>,
    writer: LineWriter,
    completed: CompletedSet,
  ) {
    this.#stream = stream;
    this.#writer = writer;
    this.completed = completed;
  }

  /**
   * With `resume` the journal of the earlier run is read and continued, else a new one begins. `failed` is called when
   * it cannot be written any more. Throws `UsageError` when it cannot be opened.
   */
  static async open(directory: string, resume: boolean, failed: (error: Error) => void): Promise<Journal> {
    const file = path.join(directory, journalName);
    const completed = new CompletedSet();
    try {
      const handle = await open(file, resume ? "a+" : "w");
      let torn = false;
      if (resume) torn = await readJournal(file, completed);
      const stream = handle.createWriteStream();
      const writer = new LineWriter(stream, failed);
      // The last line of a run that was killed may lack its end: what follows must not be glued to it.
      if (torn) stream.write("\n");
      return new Journal(stream, writer, completed);
    } catch (error) {
      throw new UsageError(`cannot write in ${directory}: ${describeSystemError(error)}`);
    }
  }

  append(key: string): Promise<void> | undefined {
    return this.#writer.write(`{"completed":"${key}"}`);
  }

  async close(): Promise<void> {
    await this.#writer.flush();
    await new Promise<void>((resolve) => {
      if (this.#stream.closed) return resolve();
      this.#stream.once("close", resolve).end();
    });
  }
}

/** Returns whether the last line is torn. Lines that are damaged are taken as not written. */
async function readJournal(file: string, completed: CompletedSet): Promise<boolean> {
  let bytes = 0;
  const stream = createReadStream(file);
  let last = "";
  for await (const line of readLines(stream, longestLine)) {
    bytes += line.bytes;
    last = line.text ?? "torn";
    const key = /^\{"completed":"([0-9a-f]{32})"\}$/.exec(last)?.[1];
    if (key !== undefined) completed.add(key);
  }
  return bytes > 0 && !(await endsWithLineBreak(file, bytes));
}

async function endsWithLineBreak(file: string, size: number): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] === 10;
  } finally {
    await handle.close();
  }
}
