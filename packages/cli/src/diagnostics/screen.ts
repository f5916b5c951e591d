import type { Io } from "../io.ts";

const escape = "\u001B[";
/** Other screen, no cursor, lines are cut at the edge instead of going on below. */
const enter = `${escape}?1049h${escape}?25l${escape}?7l`;
const leave = `${escape}?7h${escape}?25h${escape}?1049l`;

/** The whole terminal, as `top` takes it; `close()` gives it back as it was. */
export class Screen {
  readonly #io: Io;
  readonly #onKey: (data: Buffer | string) => void;
  readonly #onResize: () => void;
  #isOpen = true;
  #shown: readonly string[] = [];

  /** `key` gets each letter that is typed, `resized` is called when the terminal has another size. */
  constructor(io: Io, key: (key: string) => void, resized: () => void) {
    this.#io = io;
    this.#onKey = (data) => {
      for (const character of String(data)) key(character);
    };
    this.#onResize = () => {
      this.#shown = [];
      resized();
    };
    io.stdin.setRawMode?.(true);
    io.stdin.on("data", this.#onKey);
    io.stdin.resume();
    io.stdout.on("resize", this.#onResize);
    io.stdout.write(enter);
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
    stdin.off("data", this.#onKey);
    stdin.setRawMode?.(false);
    stdin.pause();
    stdout.off("resize", this.#onResize);
    stdout.write(leave);
  }
}
