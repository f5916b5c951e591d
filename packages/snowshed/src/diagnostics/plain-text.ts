// Names were made by a program that may itself have taken them from a request: in a log they must not steer the terminal.

// oxlint-disable-next-line no-control-regex -- these are what is looked for
const steering = /[\u0000-\u001F\u007F-\u009F\u061C\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g;

/**
 * The text in one line, with escapes as of JSON in place of control characters and of those that turn the direction of a
 * text around: `JSON.stringify` leaves many of them as they are.
 *
 * @internal
 */
export function plainText(text: string): string {
  return text.replaceAll(steering, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`);
}

/** A longer name is somebody's data: a thousand warnings, or a dump, would repeat it. */
const longest = 2000;

/** A name as it is kept: cut if it is very long. @internal */
export function keptName(name: string): string {
  return name.length > longest ? `${name.slice(0, longest)}…` : name;
}
