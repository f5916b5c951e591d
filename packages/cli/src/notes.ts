import { once } from "node:events";
import type { Io } from "./io.ts";

// oxlint-disable-next-line no-control-regex -- what a server or an input line says must not steer the terminal
const controlCharacters = /[\u0000-\u001F\u007F-\u009F]/g;

/** What the command tells its user on stderr, beside its output: one line each, above the progress line if there is one. */
export class Notes {
  readonly #stderr: Io["stderr"];
  /** Called before each line: whoever draws on the same terminal clears the place. */
  beforeLine: () => void = () => {};

  constructor(stderr: Io["stderr"]) {
    this.#stderr = stderr;
  }

  /** Resolves when stderr has taken it: a flood of notes waits for its reader. */
  async say(text: string): Promise<void> {
    await this.print(`snowshed: ${text.replace(controlCharacters, "?")}`);
  }

  /** Like `say`, for text of our own that may span lines and carry colours. */
  async print(text: string): Promise<void> {
    this.beforeLine();
    if (!this.#stderr.write(`${text}\n`) && !this.#stderr.destroyed) {
      await Promise.race([once(this.#stderr, "drain"), once(this.#stderr, "close")]).catch(() => {});
    }
  }
}
