import { invalidArgument } from "../../errors.ts";

/** PostgreSQL cuts names at 63 bytes; what is appended to ours takes up to 20. */
const longestName = 40;

/** A name of a user's as SQL has it, whatever is in it. @internal */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** @internal */
export function quotedText(text: string): string {
  // With a backslash a literal means something else under standard_conforming_strings = off.
  const escaped = text.replaceAll("'", "''");
  return escaped.includes("\\") ? ` E'${escaped.replaceAll("\\", "\\\\")}'` : `'${escaped}'`;
}

/** @internal */
export function checkName(value: unknown, name: string): void {
  // A dollar sign could end the text of a function.
  const isName = typeof value === "string" && value !== "" && !value.includes("\0") && !value.includes("$");
  if (!isName) throw invalidArgument(TypeError, name, "text that is not empty, without $", value);
  if (Buffer.byteLength(value) <= longestName) return;
  throw invalidArgument(RangeError, name, `a name of at most ${longestName} bytes`, value);
}
