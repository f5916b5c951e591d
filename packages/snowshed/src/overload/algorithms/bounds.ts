import { checkInteger, invalidArgument } from "../../errors.ts";

/** Between what and what an adaptive limit moves, and where it begins. Integers of at least 1. */
export interface LimitBounds {
  /** Before anything is known. Default: 20. */
  readonly initial?: number | undefined;
  /** Default: 1. */
  readonly minimum?: number | undefined;
  /** Default: 1000. */
  readonly maximum?: number | undefined;
}

/** The bounds with their defaults; throws for what is none. @internal */
export function checkBounds({ initial, minimum = 1, maximum = 1000 }: LimitBounds): {
  readonly initial: number;
  readonly minimum: number;
  readonly maximum: number;
} {
  checkInteger(minimum, "minimum", 1);
  checkInteger(maximum, "maximum", minimum);
  // A default that does not fit the bounds given is no mistake of the caller.
  const first = initial ?? Math.min(Math.max(20, minimum), maximum);
  checkInteger(first, "initial", minimum);
  if (first > maximum) throw invalidArgument(RangeError, "initial", `at most ${maximum}`, first);
  return { initial: first, minimum, maximum };
}

/** Throws unless `value` is a number in [`least`, `most`]. @internal */
export function checkRange(value: unknown, name: string, least: number, most: number): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  const NativeError = typeof value === "number" ? RangeError : TypeError;
  throw invalidArgument(NativeError, name, `a number from ${least} to ${most}`, value);
}

/** @internal */
export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
