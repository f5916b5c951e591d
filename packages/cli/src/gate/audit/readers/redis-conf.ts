import type { Fault, Reading, Setting } from "./setting.ts";
import { columnOf, linesOf } from "./setting.ts";

/** redis.conf, valkey.conf: `name value…`, quotes as Redis has them, `#` at the start of a line. */
export function readRedisConf(text: string): Reading {
  const settings: Setting[] = [];
  const faults: Fault[] = [];
  for (const [index, line] of linesOf(text).entries()) {
    const place = { line: index + 1, column: columnOf(line) };
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const words = redisWords(trimmed);
    if (words === null) {
      faults.push({ message: "quotes are not balanced: Redis does not start", ...place });
    } else if (words.length === 1) {
      faults.push({ message: `"${words[0]!.slice(0, 60)}" has no value: Redis does not start`, ...place });
    } else {
      settings.push({ name: words[0]!.toLowerCase(), value: words.slice(1).join(" "), ...place });
    }
  }
  return { settings, faults };
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" };

function redisWords(line: string): readonly string[] | null {
  const words: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"(?=\s|$)|'((?:[^'\\]|\\[\s\S])*)'(?=\s|$)|([^\s"']\S*))/y;
  while (pattern.lastIndex < line.length) {
    const match = pattern.exec(line);
    if (match === null) return null;
    const [, double, single, plain] = match;
    if (double !== undefined) {
      words.push(
        double.replace(/\\(?:x([0-9a-f]{2})|([\s\S]))/gi, (_, hex: string | undefined, character: string) =>
          hex === undefined ? (escapes[character] ?? character) : String.fromCodePoint(Number.parseInt(hex, 16)),
        ),
      );
    } else {
      words.push(single?.replaceAll(String.raw`\'`, "'") ?? plain ?? "");
    }
  }
  return words;
}
