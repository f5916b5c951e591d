// What a password may stand beside in a message, a file or an address. Reports are uploaded and mailed around.
const addresses = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:"']*):([^\s/@"']+)@/gi;
const settings =
  /\b((?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key))\s*[=:]\s*|(?:requirepass|masterauth|sasl[\w.]*password)\s+)("[^"]*"|'[^']*'|[^\s,;"'}]+)/gi;
const secretKey = /pass(?:word|wd|phrase)?$|secret|token$|masterauth|api[_-]?key/i;

/** A text without the passwords in it. */
export function maskText(text: string): string {
  return text.replaceAll(addresses, "$1$2:***@").replaceAll(settings, "$1***");
}

/** A copy of what a report holds without the passwords in it. */
export function mask<T>(value: T): T {
  return masked(value, 0, new Map()) as T;
}

/** `seen`: of a thousand findings most texts are the same. */
function masked(value: unknown, depth: number, seen: Map<string, string>): unknown {
  if (typeof value === "string") {
    const known = seen.get(value) ?? maskText(value);
    seen.set(value, known);
    return known;
  }
  if (typeof value !== "object" || value === null || depth > 50) return value;
  if (Array.isArray(value)) return value.map((each) => masked(each, depth + 1, seen));
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    typeof inner === "string" && secretKey.test(key) ? "***" : masked(inner, depth + 1, seen),
  ]);
  return Object.fromEntries(entries) as unknown;
}
