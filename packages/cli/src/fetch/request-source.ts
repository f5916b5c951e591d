import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Io } from "../io.ts";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import { readLines } from "./line-reader.ts";
import type { FetchRequest, RequestParser } from "./request.ts";
import { InvalidRequest } from "./request.ts";

/** One input line longer than this is not a request but a mistake. */
const longestLine = 1024 * 1024;

interface LineInput {
  readonly name: string;
  readonly stream: Readable;
}

export interface SourceEvents {
  /** A line is no request. Reading goes on when it resolves. */
  invalid(place: string, reason: string): Promise<void>;
  /** An input broke off. The others are still read. */
  broken(place: string, reason: string): Promise<void>;
  /** Whether the request needs not be made. */
  skips(request: FetchRequest): boolean;
}

/** All requests of the inputs given, in order, read as they are asked for. */
export class RequestSource {
  readonly #inputs: readonly (LineInput | FetchRequest)[];
  readonly #parser: RequestParser;
  readonly #events: SourceEvents;
  #closed = false;
  #bytesRead = 0;
  #requestsRead = 0;

  /** Bytes of all inputs, or `undefined` when that cannot be known. */
  readonly bytesTotal: number | undefined;

  private constructor(
    inputs: readonly (LineInput | FetchRequest)[],
    bytesTotal: number | undefined,
    parser: RequestParser,
    events: SourceEvents,
  ) {
    this.#inputs = inputs;
    this.bytesTotal = bytesTotal;
    this.#parser = parser;
    this.#events = events;
  }

  /**
   * `names` are URLs, files, or `-` for stdin; without any, stdin. Throws `UsageError` if one cannot be used, before
   * anything has been read.
   */
  static async open(
    names: readonly string[],
    io: Io,
    parser: RequestParser,
    events: SourceEvents,
  ): Promise<RequestSource> {
    if (names.length === 0 && io.stdin.isTTY === true) {
      throw new UsageError(
        "nothing to fetch: give URLs or a file with URLs, or pipe URLs in (see snowshed fetch --help)",
      );
    }
    const inputs: (LineInput | FetchRequest)[] = [];
    let total: number | undefined = 0;
    for (const name of names.length === 0 ? ["-"] : names) {
      if (name === "-") {
        inputs.push({ name: "stdin", stream: io.stdin });
        total = undefined;
      } else if (name.includes("://")) {
        const request = parseArgument(parser, name);
        inputs.push(request);
        if (total !== undefined) total += request.size;
      } else {
        const { input, size } = await openFile(name);
        inputs.push(input);
        total = size === undefined || total === undefined ? undefined : total + size;
      }
    }
    return new RequestSource(inputs, total, parser, events);
  }

  /** Of `bytesTotal`, how much has become requests. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  get requestsRead(): number {
    return this.#requestsRead;
  }

  async *requests(): AsyncGenerator<FetchRequest> {
    for (const input of this.#inputs) {
      if (this.#closed) return;
      if ("stream" in input) yield* this.#read(input);
      else {
        this.#bytesRead += input.size;
        yield* this.#pass(input);
      }
    }
  }

  /** Ends a read that is under way, too: an input that never says anything must not hold anybody. */
  close(): void {
    this.#closed = true;
    for (const input of this.#inputs) if ("stream" in input) input.stream.destroy();
  }

  *#pass(request: FetchRequest): Generator<FetchRequest> {
    if (this.#events.skips(request)) return;
    this.#requestsRead++;
    yield request;
  }

  async *#read({ name, stream }: LineInput): AsyncGenerator<FetchRequest> {
    try {
      for await (const line of readLines(stream as AsyncIterable<Buffer | string>, longestLine)) {
        this.#bytesRead += line.bytes;
        const text = line.text?.trim();
        if (text === "" || text?.startsWith("#")) continue;
        try {
          if (text === undefined) throw new InvalidRequest(`longer than ${longestLine} bytes`);
          yield* this.#pass(this.#parser.parse(text));
        } catch (error) {
          if (!(error instanceof InvalidRequest)) throw error;
          await this.#events.invalid(`${name}:${line.number}`, error.message);
        }
      }
    } catch (error) {
      if (!this.#closed) await this.#events.broken(name, describeSystemError(error));
    }
  }
}

function parseArgument(parser: RequestParser, text: string): FetchRequest {
  try {
    return parser.parse(text.trim());
  } catch (error) {
    if (error instanceof InvalidRequest) throw new UsageError(`invalid URL among the arguments: ${error.message}`);
    throw error;
  }
}

async function openFile(name: string): Promise<{ input: LineInput; size: number | undefined }> {
  try {
    // Kept open: a pipe by name, as of a shell's <(…), can be opened only once.
    const handle = await open(name);
    const stats = await handle.stat();
    if (stats.isDirectory()) {
      await handle.close();
      throw new UsageError(`cannot read ${name}: it is a folder`);
    }
    return { input: { name, stream: handle.createReadStream() }, size: stats.isFile() ? stats.size : undefined };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const hint = /^[\w-]+(\.[\w-]+)+(:\d+)?(\/|$)/.test(name) ? "; a URL begins with http:// or https://" : "";
    throw new UsageError(`cannot read ${name}: ${describeSystemError(error)}${hint}`);
  }
}
