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
      const name = words[0]!.toLowerCase();
      const value = words.slice(1).join(" ");
      settings.push({ name, value, ...place });
      const form = forms[name];
      if (form === undefined || form.test(value)) continue;
      const message = `${name} cannot be ${JSON.stringify(value.slice(0, 60))}: Redis does not start`;
      faults.push({ message, ...place });
    }
  }
  return { settings, faults };
}

const size = /^\d+(?:[kmg]?b|[kmg])?$/i;
const count = /^\d+$/;
const yesOrNo = /^(?:yes|no)$/i;

/** What the settings that rules judge may be: Redis refuses anything else, also a comment behind the value. */
const forms: Readonly<Record<string, RegExp>> = {
  maxmemory: size,
  "maxmemory-policy": /^(?:noeviction|(?:allkeys|volatile)-(?:lru|lfu|lrm|random)|volatile-ttl)$/i,
  maxclients: count,
  "tcp-backlog": count,
  "tcp-keepalive": count,
  timeout: count,
  "min-replicas-to-write": count,
  "min-replicas-max-lag": count,
  "min-slaves-to-write": count,
  appendonly: yesOrNo,
  "protected-mode": yesOrNo,
};

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" };

/** As Redis splits a line: a quote may begin within a word, and ends it. Null if it does not start with such a line. */
function redisWords(line: string): readonly string[] | null {
  const words: string[] = [];
  let rest = line.trimStart();
  while (rest !== "") {
    const match = /^([^\s"']*)(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)')?(?=\s|$)/.exec(rest);
    if (match === null) return null;
    const [all, plain = "", double, single] = match;
    words.push(plain + (double === undefined ? (single ?? "").replaceAll(String.raw`\'`, "'") : unescaped(double)));
    rest = rest.slice(all.length).trimStart();
  }
  return words;
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|([\s\S]))/gi, (_, hex: string | undefined, character: string) =>
    hex === undefined ? (escapes[character] ?? character) : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
