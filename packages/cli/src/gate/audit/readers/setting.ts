/** One setting as a file has it. Lines and columns count from 1. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly line: number;
  readonly column: number;
}

/** What a reader makes of a text: the settings, and the lines that the server itself would refuse. */
export interface Reading {
  readonly settings: readonly Setting[];
  readonly faults: readonly Fault[];
}

export interface Fault {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** Where the first character of a line that is no space stands. */
export function columnOf(line: string): number {
  return line.length - line.trimStart().length + 1;
}

/** The lines of a text, without their ends and without the mark that some editors begin a file with. */
export function linesOf(text: string): readonly string[] {
  return text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
}

/** Whether it is something else than text. A comment in an older encoding does not make it so. */
export function isBinary(text: string): boolean {
  return text.includes("\0") || (text.match(/\uFFFD/g)?.length ?? 0) > text.length / 10;
}
