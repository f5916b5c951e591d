// Names and paths in a dump were made by a program that may itself have taken them from a request: they must not steer
// the terminal. Control characters, and those that turn the direction of a text around, are shown by their number.

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const steering = /[\u0000-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g;

/** A name longer than this is cut: a table is for people. */
const longest = 300;

/** A text of a dump as it may be shown. */
export function safeText(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short.replaceAll(steering, (character) => {
    const code = character.codePointAt(0)!;
    if (character === "\n") return String.raw`\n`;
    if (character === "\t") return String.raw`\t`;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** JSON that is safe to show: what `JSON.stringify` leaves as it is becomes an escape of JSON, so that it means the same. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    steering,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`,
  );
}

/** A copy of a dump with all its texts as they may be shown. */
export function safeTexts<T>(value: T): T {
  if (typeof value === "string") return safeText(value) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => safeTexts(each)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, safeTexts(each as unknown)])) as T;
}
