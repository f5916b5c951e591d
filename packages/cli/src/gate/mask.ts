// What a password may stand beside in a message, a file or an address. Reports are uploaded and mailed around.
const addresses = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:"']*):([^\s/"']+)@/gi;
const settings =
  /\b((?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key))\s*[=:]\s*|(?:requirepass|masterauth|sasl[\w.]*password)\s+)("[^"]*"|'[^']*'|[^\s,;"'}]+)/gi;
/** The name of a setting, or of a part of a report, whose value is one. */
const secretName =
  /(?:^|[._-])(?:pass|passw(?:or)?d|passphrase|token|credentials?)(?:$|[._-])|pass(?:word|wd|phrase)?$|secret|token$|jaas|(?:master|primary)auth$|api[_-]?key/i;
/** Of Redis: `user` holds the passwords of its rule, and what a command was renamed to is known to operators alone. */
const secretWords: ReadonlySet<string> = new Set(["user", "rename-command"]);
/** Called a token, and told to all members of a cluster: what tells two clusters apart. */
const publicName = /^initial[._-]cluster[._-]token$/i;

/** A text without the passwords in it. */
export function maskText(text: string): string {
  return text.replaceAll(addresses, "$1$2:***@").replaceAll(settings, "$1***");
}

/** What a report may show of a setting: nothing of a password, and of an address all but its password. */
export function shownValue(name: string, value: string): string {
  if (value !== "" && (secretWords.has(name.toLowerCase()) || isSecret(name))) return "***";
  return maskText(value);
}

function isSecret(name: string): boolean {
  return secretName.test(name) && !publicName.test(name);
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
    typeof inner === "string" && isSecret(key) ? "***" : masked(inner, depth + 1, seen),
  ]);
  return Object.fromEntries(entries) as unknown;
}
