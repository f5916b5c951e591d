import { Readable, Writable } from "node:stream";
import { vi } from "vitest";
import type { FetchSummary } from "../../src/fetch/summary.ts";
import type { Outcome } from "../../src/fetch/outcome.ts";
import type { Io } from "../../src/main.ts";
import { main } from "../../src/main.ts";

// Real sockets on a busy machine: what hangs is to be seen, what is slow is not to fail.
vi.setConfig({ testTimeout: 30_000 });

export interface RunOptions {
  /** Text, or chunks as they come. */
  readonly stdin?: string | Iterable<string> | AsyncIterable<string> | Readable;
  readonly env?: Record<string, string>;
  /** Whether stderr and stdin are terminals. */
  readonly tty?: boolean;
  /** The height of the terminal. */
  readonly rows?: number;
  readonly interrupt?: AbortSignal;
  readonly stdout?: Writable;
  /** Sees all that is on stdout so far, whenever there is more. */
  readonly onOutput?: (text: string) => void;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout, parsed. */
  readonly outcomes: Outcome[];
  /** Stdout as the one document of `--json`. */
  readonly summary: FetchSummary;
}

/** Streams in memory. */
export function memoryIo(options: RunOptions = {}): { io: Io; stdout: { text: string }; stderr: { text: string } } {
  const stdout = new Collector(options.onOutput);
  const stderr = new Collector();
  const { stdin = "", tty = false, env = {} } = options;
  const io: Io = {
    stdin: Object.assign(
      stdin instanceof Readable ? stdin : Readable.from(typeof stdin === "string" ? [stdin] : stdin),
      {
        isTTY: tty,
      },
    ),
    stdout: options.stdout ?? stdout,
    stderr: Object.assign(stderr, { isTTY: tty, columns: 120, rows: options.rows ?? 40 }),
    env,
    ...(options.interrupt === undefined ? {} : { interrupt: options.interrupt }),
  };
  return { io, stdout, stderr };
}

/** Runs the command line in this process on streams in memory. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { io, stdout, stderr } = memoryIo(options);
  const code = await main(argv, io);
  return {
    code,
    stdout: stdout.text,
    stderr: stderr.text,
    get outcomes() {
      return parseLines(stdout.text);
    },
    get summary() {
      return JSON.parse(stdout.text) as FetchSummary;
    },
  };
}

export function parseLines(text: string): Outcome[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Outcome);
}

/** `fetch` without summary, with quick limits for tests on loopback. */
export function runFetch(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(["fetch", "--quiet", ...argv], options);
}

class Collector extends Writable {
  text = "";
  readonly #onOutput: ((text: string) => void) | undefined;

  constructor(onOutput?: (text: string) => void) {
    super();
    this.#onOutput = onOutput;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    this.#onOutput?.(this.text);
    done();
  }
}
