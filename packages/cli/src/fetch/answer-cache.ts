import { createReadStream } from "node:fs";
import { open, unlink } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { makeFolder } from "../make-folder.ts";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import { BodyFile } from "./body-file.ts";
import type { BodySink } from "./body-sink.ts";

/** The last good answer to a request. */
export interface CachedAnswer {
  readonly httpStatus: number;
  /** Bytes of the body. */
  readonly bytes: number;
  /** Milliseconds since the answer came. */
  readonly age: number;
  /** Copies the body to `sink` and commits it. */
  copyTo(sink: BodySink): Promise<void>;
}

interface Head {
  readonly version: 1;
  readonly storedAt: number;
  readonly httpStatus: number;
}

/** The head is padded to this, so that a body begins at the same place in every file, also one replaced while it is read. */
const headSize = 128;

/**
 * A folder with the last good answer per request: one file each, a line of JSON and then the body, so that no crash can
 * leave the one without the other. Readable by its owner only, since answers may be confidential.
 */
export class AnswerCache {
  readonly #directory: string;
  readonly #warn: (message: string) => void;
  #broken = false;

  private constructor(directory: string, warn: (message: string) => void) {
    this.#directory = directory;
    this.#warn = warn;
  }

  /** `warn` is called at most once, when answers cannot be stored any more. Throws `UsageError` if they never could. */
  static async open(directory: string, warn: (message: string) => void): Promise<AnswerCache> {
    try {
      await makeFolder(directory, 0o700);
      // So that a folder that cannot be written shows at once.
      const probe = path.join(directory, `.snowshed-probe-${process.pid}`);
      const handle = await open(probe, "w", 0o600);
      await handle.close();
      await unlink(probe);
    } catch (error) {
      throw new UsageError(`cannot write in ${directory}: ${describeSystemError(error)}`);
    }
    return new AnswerCache(directory, warn);
  }

  /** Where to write a good answer. That it cannot be stored is no failure of the request. */
  sink(key: string, httpStatus: number): BodySink | undefined {
    if (this.#broken) return undefined;
    const file = new BodyFile(this.#file(key), 0o600);
    const head: Head = { version: 1, storedAt: Date.now(), httpStatus };
    file.write(Buffer.from(`${JSON.stringify(head).padEnd(headSize - 1)}\n`));
    return new ForgivingSink(file, (error) => this.#break(error));
  }

  /** `undefined` when there is none, or none that can be read. */
  async find(key: string): Promise<CachedAnswer | undefined> {
    const file = this.#file(key);
    try {
      const handle = await open(file);
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(headSize), 0, headSize, 0);
        const head = JSON.parse(buffer.toString("utf8", 0, bytesRead)) as Head;
        if (head.version !== 1) return undefined;
        const { size } = await handle.stat();
        return {
          httpStatus: head.httpStatus,
          bytes: size - headSize,
          age: Math.max(0, Date.now() - head.storedAt),
          copyTo: (sink) => copy(file, sink),
        };
      } finally {
        await handle.close();
      }
    } catch {
      return undefined;
    }
  }

  #file(key: string): string {
    return path.join(this.#directory, key);
  }

  #break(error: Error): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#warn(`the cache is not kept up to date: ${error.message}`);
  }
}

async function copy(file: string, sink: BodySink): Promise<void> {
  let drained: (() => void) | undefined;
  let failure: Error | undefined;
  sink.drained = () => drained?.();
  sink.failed = (error) => {
    failure = error;
    drained?.();
  };
  try {
    for await (const chunk of createReadStream(file, { start: headSize }) as AsyncIterable<Buffer>) {
      if (!sink.write(chunk) && failure === undefined) await new Promise<void>((resolve) => (drained = resolve));
      if (failure !== undefined) break;
    }
  } catch (error) {
    await sink.discard();
    throw error;
  }
  await sink.commit();
}

/** Passes everything on and turns failures into one report. */
class ForgivingSink implements BodySink {
  readonly #sink: BodySink;
  readonly #report: (error: Error) => void;
  #broken = false;
  drained: () => void = () => {};
  failed: () => void = () => {};

  constructor(sink: BodySink, report: (error: Error) => void) {
    this.#sink = sink;
    this.#report = report;
    sink.drained = () => this.drained();
    sink.failed = (error) => {
      this.#broken = true;
      report(error);
      // Who waits for room waits no longer.
      this.drained();
    };
  }

  write(chunk: Buffer): boolean {
    return this.#broken || this.#sink.write(chunk);
  }

  async commit(): Promise<void> {
    await this.#sink.commit().catch(this.#report);
  }

  discard(): Promise<void> {
    return this.#sink.discard();
  }
}
