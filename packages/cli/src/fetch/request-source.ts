import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Io } from "../io.ts";
import { describeSystemError } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import type { Line } from "./line-reader.ts";
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
    try {
      for (const name of names.length === 0 ? ["-"] : names) {
        const { input, size } = await openInput(name, io, parser);
        inputs.push(input);
        total = size === undefined || total === undefined ? undefined : total + size;
      }
    } catch (error) {
      closeAll(inputs);
      throw error;
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
      if (!("stream" in input)) {
        this.#bytesRead += input.size;
        if (this.#accepts(input)) yield input;
        continue;
      }
      try {
        // In one generator: each that hands on to another costs every request a turn of promises.
        for await (const line of readLines(input.stream as AsyncIterable<Buffer | string>, longestLine)) {
          this.#bytesRead += line.bytes;
          const request = this.#parse(line);
          if (request instanceof InvalidRequest)
            await this.#events.invalid(`${input.name}:${line.number}`, request.message);
          else if (request !== undefined && this.#accepts(request)) yield request;
        }
      } catch (error) {
        if (!this.#closed) await this.#events.broken(input.name, describeSystemError(error));
      }
    }
  }

  /** Ends a read that is under way, too: an input that never says anything must not hold anybody. */
  close(): void {
    this.#closed = true;
    closeAll(this.#inputs);
  }

  #accepts(request: FetchRequest): boolean {
    if (this.#events.skips(request)) return false;
    this.#requestsRead++;
    return true;
  }

  /** `undefined` for a blank line or a comment. */
  #parse({ text }: Line): FetchRequest | InvalidRequest | undefined {
    if (text === undefined) return new InvalidRequest(`longer than ${longestLine} bytes`);
    const trimmed = text.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return undefined;
    try {
      return this.#parser.parse(trimmed);
    } catch (error) {
      if (error instanceof InvalidRequest) return error;
      throw error;
    }
  }
}

function closeAll(inputs: readonly (LineInput | FetchRequest)[]): void {
  for (const input of inputs) if ("stream" in input) input.stream.destroy();
}

interface OpenedInput {
  readonly input: LineInput | FetchRequest;
  readonly size: number | undefined;
}

async function openInput(name: string, io: Io, parser: RequestParser): Promise<OpenedInput> {
  if (name === "-") return { input: { name: "stdin", stream: io.stdin }, size: undefined };
  if (!name.includes("://")) return openFile(name);
  const request = parseArgument(parser, name);
  return { input: request, size: request.size };
}

function parseArgument(parser: RequestParser, text: string): FetchRequest {
  try {
    return parser.parse(text.trim());
  } catch (error) {
    if (error instanceof InvalidRequest) throw new UsageError(`invalid URL among the arguments: ${error.message}`);
    throw error;
  }
}

async function openFile(name: string): Promise<OpenedInput> {
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
