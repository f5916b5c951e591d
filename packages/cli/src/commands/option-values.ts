import { InvalidArgumentError } from "../commander.ts";

// What is given on the command line becomes a value here, or one line that says what is wrong with it. The help of every
// command loads this file, so it imports neither the library nor node:http.

/** An integer of at least `minimum`. */
export function count(minimum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`It must be an integer of at least ${minimum}.`);
  };
}

const millisecondsPer: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds, of the texts that the library takes as a `Duration`; `none` is no limit. */
export function duration(text: string): number {
  if (text === "none") return Number.POSITIVE_INFINITY;
  const [, whole = "", fraction = "", unit = ""] = /^(\d+)(?:\.(\d+))?(ms|s|m|h)$/.exec(text) ?? [];
  const ms = (Number(whole + fraction) * (millisecondsPer[unit] ?? Number.NaN)) / 10 ** fraction.length;
  if (ms > 0) return ms;
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
