import type { Fault, Reading, Setting } from "./setting.ts";
import { columnOf, linesOf } from "./setting.ts";

/** server.properties and those of clients, as Java reads them: `=`, `:` or a space, `\` at an end of a line goes on. */
export function readProperties(text: string): Reading {
  const settings: Setting[] = [];
  const faults: Fault[] = [];
  const lines = linesOf(text);
  for (let index = 0; index < lines.length; index++) {
    const first = lines[index]!;
    const place = { line: index + 1, column: columnOf(first) };
    let whole = first.trimStart();
    if (whole === "" || /^[#!]/.test(whole)) continue;
    const parts: string[] = [];
    while (/(?:^|[^\\])(?:\\\\)*\\$/.test(whole) && index + 1 < lines.length) {
      parts.push(whole.slice(0, -1));
      whole = lines[++index]!.trimStart();
    }
    whole = [...parts, whole].join("");
    const match = /^((?:[^=:\s\\]|\\[\s\S])+)(?:\s*[=:]\s*|\s+|$)([\s\S]*)$/.exec(whole);
    if (match === null) {
      faults.push({ message: "there is no name before the value", ...place });
      continue;
    }
    const [, name = "", value = ""] = match;
    if (value === "" && !/[=:]/.test(whole)) {
      faults.push({ message: `"${name.slice(0, 60)}" has no value`, ...place });
    }
    settings.push({ name: unescape(name), value: unescape(value).trimEnd(), ...place });
  }
  return { settings, faults };
}

const escapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescape(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|([\s\S]))/gi, (_, hex: string | undefined, character: string) =>
    hex === undefined ? (escapes[character] ?? character) : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
