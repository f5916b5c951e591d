/** Headers in any of the forms that undici takes: a flat list, pairs, or an object. */
function* entriesOf(headers: unknown): Generator<readonly [string, unknown]> {
  if (typeof headers !== "object" || headers === null) return;
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    for (let index = 0; index + 1 < headers.length; index += 2) yield [String(headers[index]), headers[index + 1]];
  } else if (typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] === "function") {
    for (const [name, value] of headers as Iterable<readonly [unknown, unknown]>) yield [String(name), value];
  } else yield* Object.entries(headers);
}

/** The value of a header whose name is in lower case, as text. @internal */
export function headerOf(headers: unknown, name: string): string | null {
  for (const [each, value] of entriesOf(headers)) if (each.toLowerCase() === name) return String(value);
  return null;
}

/** The headers with one more, which replaces any of that name. @internal */
export function withHeader(headers: unknown, name: string, value: string): string[] {
  const list: unknown[] = [name, value];
  for (const [each, given] of entriesOf(headers)) if (each.toLowerCase() !== name) list.push(each, given);
  // Values that are lists, or undefined, are as welcome to undici here as they were before.
  return list as string[];
}
