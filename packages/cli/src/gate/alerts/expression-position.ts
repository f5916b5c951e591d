import type { LineCounter, Scalar } from "yaml";
import type { Place } from "./place.ts";

/**
 * Where a character of an expression stands in its file. Exact for plain text in one line, for quotes without escapes, and
 * for `|` blocks; of a folded or an escaped text it is where the text begins.
 */
export function expressionPosition(text: string, lines: LineCounter, scalar: Scalar, offset: number): Place {
  const [start, end] = scalar.range ?? [0, 0];
  const source = text.slice(start, end);
  const value = String(scalar.value);
  if (scalar.type === "BLOCK_LITERAL") return inBlock(text, lines, { start, end, value, offset });
  const quotes = scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE" ? 1 : 0;
  const isVerbatim = source.slice(quotes, source.length - quotes) === value;
  return placeAt(lines, isVerbatim ? start + quotes + offset : start);
}

interface Block {
  readonly start: number;
  readonly end: number;
  readonly value: string;
  readonly offset: number;
}

function inBlock(text: string, lines: LineCounter, { start, end, value, offset }: Block): Place {
  const before = value.slice(0, offset).split("\n");
  // After `|` and what may follow it in its line.
  let at = text.indexOf("\n", start) + 1;
  if (at === 0) return placeAt(lines, start);
  for (let line = 1; line < before.length; line++) {
    const next = text.indexOf("\n", at);
    if (next === -1 || next >= end) break;
    at = next + 1;
  }
  const wanted = value.split("\n")[before.length - 1] ?? "";
  const written = text.slice(at, end).split("\n", 1)[0]!;
  const indent = Math.max(0, written.indexOf(wanted));
  return placeAt(lines, Math.min(at + indent + before.at(-1)!.length, end));
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
