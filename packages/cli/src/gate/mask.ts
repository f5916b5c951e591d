// What a password may stand beside in a message, a file or an address. Reports are uploaded and mailed around. What may be
// as long as one likes is bounded: each of these is tried at every word of a text.
const patterns: readonly (readonly [RegExp, string])[] = [
  // redis://user:password@host: a password may hold what an address would have to escape.
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/@:"'<>]{0,100}):([^\s"<>]{1,1000})@/gi, "$1$2:***@"],
  // https://token@host
  [/\b(https?:\/\/)([^\s/@:"'<>]{1,1000})@/gi, "$1***@"],
  // user:password@host, without a scheme
  [/(^|[\s"'(=,[/])([\w.%-]{0,100}):(?!\/\/)([^\s@"'/<>*]{1,1000})@(?=[\w[])/g, "$1$2:***@"],
  // password=x, "password": "x", requirepass x
  [
    /\b([\w.-]{0,100}(?:password|passwd|passphrase|pwd|secret|token|credentials?|(?:api|access|secret|private)[_-]?key)["']?\s*[=:]\s*|(?:requirepass|masterauth|sasl[\w.]{0,100}password|redis-cli\s[^\n]{0,200}?-a)\s+(?!(?:or|and|is|not)\b))("[^"]*"|'[^']*'|[^\s,;"'}&]+)/gi,
    "$1***",
  ],
  [/([?&]auth=|--pass(?:word|phrase)?\s+)[^\s,;"'}&]+/gi, "$1***"],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/g, "$1 ***"],
  // The command of Redis: AUTH password, AUTH user password
  [/\b(AUTH)\s+[^\s"']+(?:\s+[^\s"',;]+)?/g, "$1 ***"],
  // Its access rules: user alice on >password
  [/\b(user\s+\S+\s[^\n>]{0,200}>)\S+/gi, "$1***"],
];
/** The name of a setting, or of a part of a report, whose value is one. */
const secretName =
  /(?:^|[._-])(?:pass|passw(?:or)?d|passphrase|token|credentials?)(?:$|[._-])|pass(?:word|wd|phrase)?$|secret|token$|jaas|(?:master|primary)auth$|api[_-]?key/i;
/** Of a rule for a user of Redis, the words that decide whether he comes in without a password. */
const userWords: ReadonlySet<string> = new Set(["on", "off", "nopass", "resetpass", "reset"]);
/** Called a token, and told to all members of a cluster: what tells two clusters apart. */
const publicName = /^initial[._-]cluster[._-]token$/i;

/** A text without the passwords in it. */
export function maskText(text: string): string {
  let rest = text;
  for (const [pattern, shown] of patterns) rest = rest.replaceAll(pattern, shown);
  return rest;
}

/** What a report may show of a setting: nothing of a password, and of an address all but its password. */
export function shownValue(name: string, value: string): string {
  if (value === "") return value;
  const lower = name.toLowerCase();
  if (lower === "user") return shownUser(value);
  // Of Redis: what a command was renamed to is known to operators alone.
  return lower === "rename-command" || isSecret(name) ? "***" : maskText(value);
}

/** Word by word what is known to be no secret, of Redis' `user name rule…`: a password may be several words. */
function shownUser(value: string): string {
  const [name, ...rule] = value.split(/\s+/);
  const shown = rule.map((word) => (/^[>#]/.test(word) ? ">***" : word.toLowerCase()));
  return [name === "default" ? name : "***", ...shown.filter((word) => word === ">***" || userWords.has(word))].join(
    " ",
  );
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
