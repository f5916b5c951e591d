import { createColors } from "picocolors";
import { exitCode, exitCodeOfSignal } from "../exit-code.ts";
import { isClosed } from "../fetch/line-writer.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";
import { isStuck } from "./dump-text.ts";
import type { Hello, ProfileKind, WatchFrame } from "./dump-types.ts";
import type { Watched } from "./find-process.ts";
import { Gone } from "./look-failure.ts";
import { ask, connected } from "./look.ts";
import { print, unwritten } from "./print.ts";
import type { ProcessClient } from "./process-client.ts";
import { safeJson, safeTexts } from "./safe-text.ts";
import { Screen } from "./screen.ts";
import type { Sorting } from "./watch-view.ts";
import { sortings, watchLines } from "./watch-view.ts";

export interface WatchOptions {
  readonly watched: Watched;
  readonly kind: ProfileKind;
  /** Milliseconds between two frames. */
  readonly interval: number;
  /** Frames to show; undefined: until it is ended. */
  readonly count: number | undefined;
  readonly json: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

const kinds = ["task", "blocked", "leak"] as const satisfies readonly ProfileKind[];

/** Shows a process until the user has seen enough, or it ends. */
export async function runWatch(options: WatchOptions, io: Io, notes: Notes): Promise<number> {
  const { watched, json } = options;
  if (!json && !isTerminal(io)) {
    throw new UsageError("watch draws on a terminal, and this is none: --json prints a frame on each line");
  }
  const watch = new Watch(options, io);
  try {
    return await watch.run();
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    await notes.say(`process ${watched.id} has ended`);
    return watch.result;
  } finally {
    watch.close();
  }
}

function isTerminal({ stdin, stdout, env }: Io): boolean {
  return stdin.isTTY === true && stdout.isTTY === true && env["TERM"] !== "dumb";
}

class Watch {
  readonly #options: WatchOptions;
  readonly #io: Io;
  readonly #colors: ReturnType<typeof createColors>;
  #client: ProcessClient | undefined;
  #screen: Screen | undefined;
  #hello!: Hello;
  #frame: WatchFrame | undefined;
  #last = performance.now();
  #kind: ProfileKind;
  #sorting: Sorting = "tasks";
  #isPaused = false;
  #ended: number | undefined;
  #end: () => void = () => {};
  #failure: Error | undefined;
  #frames = 0;

  constructor(options: WatchOptions, io: Io) {
    const { NO_COLOR, TERM } = io.env;
    this.#options = options;
    this.#io = io;
    this.#kind = options.kind;
    this.#colors = createColors(
      io.stdout.isTTY === true && TERM !== "dumb" && (NO_COLOR === undefined || NO_COLOR === ""),
    );
  }

  /** The exit code by what was seen last. */
  get result(): number {
    return this.#frame !== undefined && isStuck(this.#frame) ? exitCode.failed : exitCode.ok;
  }

  async run(): Promise<number> {
    const { watched, json, timeout } = this.#options;
    const { interrupt } = this.#io;
    this.#client = await connected(watched, timeout);
    this.#hello = safeTexts(await ask(watched, timeout, () => this.#client!.hello()));
    await this.#subscribe();
    const ended = new Promise<void>((resolve) => (this.#end = resolve));
    const onInterrupt = (): void => this.#stop(exitCodeOfSignal(interrupt?.reason));
    const onClosed = (): void => this.#stop(exitCode.outputClosed);
    interrupt?.addEventListener("abort", onInterrupt);
    const onError = (error: Error): void => {
      // A terminal that is gone is a reader that has gone, whatever the system calls it.
      if (json && !isClosed(error)) this.#failure = unwritten(error);
      onClosed();
    };
    this.#io.stdout.on("error", onError).on("close", onClosed);
    if (interrupt?.aborted === true) onInterrupt();
    if (!json)
      this.#screen = new Screen(
        this.#io,
        (key) => this.#press(key),
        () => this.#draw(),
      );
    try {
      while (this.#ended === undefined) await Promise.race([this.#step(), ended]);
    } finally {
      interrupt?.removeEventListener("abort", onInterrupt);
      this.#io.stdout.off("error", onError).off("close", onClosed);
      this.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ended;
  }

  close(): void {
    this.#screen?.close();
    this.#client?.close();
  }

  async #subscribe(): Promise<void> {
    const { watched, timeout, interval } = this.#options;
    await ask(watched, timeout, () => this.#client!.watch(this.#kind, interval));
  }

  async #step(): Promise<void> {
    const { json, count } = this.#options;
    const client = this.#client!;
    const frame = await client.frame(500).catch((error: unknown) => {
      // Closed by `#changeKind`, which has another one.
      if (client !== this.#client) return undefined;
      throw error;
    });
    if (this.#ended !== undefined || client !== this.#client) return;
    if (frame !== undefined) {
      this.#last = performance.now();
      this.#frames++;
      if (!this.#isPaused) this.#frame = json ? frame : safeTexts(frame);
      if (json) await print(safeJson(frame), this.#io);
      if (this.#frames === count) this.#stop(this.result);
    }
    this.#draw();
  }

  #press(key: string): void {
    if (key === "q") this.#stop(this.result);
    // In raw mode Ctrl-C is a key.
    else if (key === "\u0003") this.#stop(exitCodeOfSignal("SIGINT"));
    else if (key === "p") this.#isPaused = !this.#isPaused;
    else if (key === "s") this.#sorting = following(sortings, this.#sorting);
    else if (key === "k") this.#changeKind();
    else return;
    this.#draw();
  }

  /** Another stream of frames is another connection. */
  #changeKind(): void {
    const { watched, timeout } = this.#options;
    this.#kind = following(kinds, this.#kind);
    const kind = this.#kind;
    void connected(watched, timeout)
      .then(async (client) => {
        await client.watch(kind, this.#options.interval);
        if (kind !== this.#kind || this.#ended !== undefined) return client.close();
        const before = this.#client;
        this.#client = client;
        return before?.close();
      })
      // It goes on with the frames that it has.
      .catch(() => {});
  }

  #stop(code: number): void {
    this.#ended ??= code;
    // At once: a second Ctrl-C may end this process before anything else happens.
    this.#screen?.close();
    this.#end();
  }

  #draw(): void {
    const screen = this.#screen;
    if (screen === undefined) return;
    const state = {
      id: this.#options.watched.id,
      hello: this.#hello,
      frame: this.#frame,
      sorting: this.#sorting,
      isPaused: this.#isPaused,
      silence: performance.now() - this.#last,
      interval: this.#options.interval,
    };
    screen.draw(watchLines(state, screen.columns, screen.rows, this.#colors));
  }
}

function following<T>(values: readonly T[], value: T): T {
  return values[(values.indexOf(value) + 1) % values.length]!;
}
