import { InvalidArgumentError } from "commander";
import type { Duration } from "snowshed";
import { toMilliseconds } from "snowshed";
import { checkHeader, checkMethod, InvalidRequest } from "../fetch/request.ts";
import { UsageError } from "../usage-error.ts";

// What is given on the command line becomes a value here, or one line that says what is wrong with it.

/** An integer of at least `minimum`. */
export function count(minimum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${minimum}.`);
  };
}

/** Milliseconds; `none` is no limit. */
export function duration(text: string): number {
  if (text === "none") return Number.POSITIVE_INFINITY;
  try {
    const ms = toMilliseconds(text as Duration);
    if (ms > 0) return ms;
  } catch {
    // The message for the command line is below.
  }
  throw new InvalidArgumentError('It must be a time above 0 with its unit, such as 250ms, 8s, 1.5m or 2h, or "none".');
}

/** A number from 0 to 1. */
export function share(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** Bytes. */
export function size(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text) ?? [];
  const value =
    digits === undefined || !Object.hasOwn(sizeUnits, unit!) ? Number.NaN : Number(digits) * sizeUnits[unit!]!;
  if (value >= 1 && value <= Number.MAX_SAFE_INTEGER) return Math.floor(value);
  throw new InvalidArgumentError("It must be a number of bytes, or with a unit: kB, MB, GB, KiB, MiB, GiB.");
}

export function method(text: string): string {
  try {
    return checkMethod(text);
  } catch (error) {
    if (error instanceof InvalidRequest)
      throw new InvalidArgumentError(`It is no method that can be used: ${error.message}.`);
    throw error;
  }
}

/** Collects `Name: value` lines. */
export function header(
  text: string,
  before: readonly (readonly [string, string])[] = [],
): (readonly [string, string])[] {
  const colon = text.indexOf(":");
  try {
    if (colon === -1) throw new InvalidRequest('a header must have the form "Name: value"');
    return [...before, checkHeader(text.slice(0, colon).trim(), text.slice(colon + 1).trim())];
  } catch (error) {
    // Not an InvalidArgumentError: its message repeats the argument, and headers carry secrets.
    if (error instanceof InvalidRequest) throw new UsageError(`option --header: ${error.message}`);
    throw error;
  }
}
