/** A value that does not have the form of a dump; the message begins with the path of the field. */
export class FormError extends Error {
  override readonly name = "FormError";
}

/** Gives the value back if it has the form, else throws `FormError` with the path of what has not. */
export type Check = (value: unknown, path: string) => void;

export const text: Check = (value, path) => expect(typeof value === "string", path, "a text", value);
export const truth: Check = (value, path) => expect(typeof value === "boolean", path, "true or false", value);
export const integer: Check = (value, path) => expect(Number.isSafeInteger(value), path, "an integer", value);
export const amount: Check = (value, path) =>
  expect(typeof value === "number" && value >= 0, path, "a number of at least 0", value);
export const finite: Check = (value, path) => expect(typeof value === "number", path, "a number", value);

export const date: Check = (value, path) =>
  expect(typeof value === "string" && !Number.isNaN(Date.parse(value)), path, "a date", value);

export function oneOf(...values: readonly unknown[]): Check {
  const names = values.map((value) => JSON.stringify(value)).join(", ");
  return (value, path) => expect(values.includes(value), path, values.length === 1 ? names : `one of ${names}`, value);
}

export function nullable(check: Check): Check {
  return (value, path) => {
    if (value !== null) check(value, path);
  };
}

export function optional(check: Check): Check {
  return (value, path) => {
    if (value !== undefined) check(value, path);
  };
}

export function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return expect(false, path, "a list", value);
    for (const [index, each] of value.entries()) check(each, `${path}[${index}]`);
  };
}

/** An object with these fields, and perhaps others: a later version may have more. */
export function fields(checks: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(checks);
  return (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return expect(false, path, "an object", value);
    }
    for (const [name, check] of entries) {
      check((value as Record<string, unknown>)[name], path === "" ? name : `${path}.${name}`);
    }
  };
}

function expect(isRight: boolean, path: string, what: string, value: unknown): void {
  if (isRight) return;
  const found = value === undefined ? "it is missing" : `it is ${show(value)}`;
  throw new FormError(`${path === "" ? "it" : path} must be ${what}: ${found}`);
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? typeof value;
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}
