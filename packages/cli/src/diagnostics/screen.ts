import process from "node:process";
import type { Io } from "../io.ts";

const escape = "\u001B[";
/** Other screen, no cursor, lines are cut at the edge instead of going on below. */
const enter = `${escape}?1049h${escape}?25l${escape}?7l`;
const leave = `${escape}?7h${escape}?25h${escape}?1049l`;

/**
 * The whole terminal, as `top` takes it; `close()` gives it back as it was. Ctrl-Z, too, until the shell lets this process
 * go on.
 */
export class Screen {
  readonly #io: Io;
  readonly #onKey: (data: Buffer | string) => void;
  readonly #onResize: () => void;
  readonly #onStop = (): void => this.#stop();
  readonly #onContinue = (): void => this.#takeAgain();
  /** Signals are those of the process, whose terminal need not be this one. */
  readonly #hearsSignals: boolean;
  #isOpen = true;
  #shown: readonly string[] = [];

  /** `key` gets each letter that is typed, `resized` is called when the terminal has another size. */
  constructor(io: Io, key: (key: string) => void, resized: () => void) {
    this.#io = io;
    this.#onKey = (data) => {
      for (const character of String(data)) {
        // In raw mode Ctrl-Z is a key. As in other modes it is for all that the shell started together.
        if (character === "\u001A" && this.#hearsSignals) process.kill(0, "SIGTSTP");
        else key(character);
      }
    };
    this.#onResize = () => {
      this.#shown = [];
      resized();
    };
    this.#hearsSignals = io.stdin === process.stdin && process.platform !== "win32";
    io.stdin.on("data", this.#onKey);
    io.stdout.on("resize", this.#onResize);
    if (this.#hearsSignals) process.on("SIGTSTP", this.#onStop).on("SIGCONT", this.#onContinue);
    this.#take();
  }

  get columns(): number {
    const { columns = 0 } = this.#io.stdout;
    // A pseudo-terminal that nobody looks at often has no size.
    return columns > 0 ? columns : 80;
  }

  get rows(): number {
    const { rows = 0 } = this.#io.stdout;
    return rows > 0 ? rows : 24;
  }

  /** Shows these lines and nothing else. While the terminal takes nothing, nothing is drawn. */
  draw(lines: readonly string[]): void {
    const { stdout } = this.#io;
    if (!this.#isOpen || stdout.writableLength > 0) return;
    let text = "";
    for (const [row, line] of lines.entries()) {
      if (line !== this.#shown[row]) text += `${escape}${row + 1};1H${line}${escape}0m${escape}K`;
    }
    if (this.#shown.length !== lines.length) text += `${escape}${lines.length + 1};1H${escape}J`;
    this.#shown = lines;
    // In one piece, so that terminals which can do so show it at once.
    if (text !== "") stdout.write(`${escape}?2026h${text}${escape}?2026l`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { stdin, stdout } = this.#io;
    process.off("SIGTSTP", this.#onStop).off("SIGCONT", this.#onContinue);
    stdin.off("data", this.#onKey);
    stdout.off("resize", this.#onResize);
    this.#giveBack();
  }

  #take(): void {
    const { stdin, stdout } = this.#io;
    stdin.setRawMode?.(true);
    stdin.resume();
    stdout.write(enter);
  }

  #giveBack(): void {
    const { stdin, stdout } = this.#io;
    stdin.setRawMode?.(false);
    stdin.pause();
    stdout.write(leave);
  }

  #stop(): void {
    this.#giveBack();
    // What the signal does without a listener; with SIGSTOP it would also stop where no shell can let it go on.
    process.off("SIGTSTP", this.#onStop);
    process.kill(process.pid, "SIGTSTP");
    // When it goes on, or at once if it was not stopped.
    setTimeout(() => {
      if (!this.#isOpen) return;
      process.on("SIGTSTP", this.#onStop);
      this.#takeAgain();
    }, 1);
  }

  #takeAgain(): void {
    if (!this.#isOpen) return;
    this.#take();
    this.#onResize();
  }
}
