import { invalidArgument } from "./errors.ts";

/**
 * A length of time: a number of milliseconds, or a number with a unit: `"250ms"`, `"8s"`, `"1.5m"`, `"2h"`.
 * `Infinity` means that there is no limit.
 */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h"}`;

const millisecondsPer = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Converts a duration to milliseconds.
 *
 * Throws `RangeError` (`SNOWSHED_INVALID_ARGUMENT`) for text of another form and for NaN; a negative number is passed
 * on, since a deadline may lie in the past.
 *
 * @example
 * ```ts
 * import { toMilliseconds } from "snowshed";
 *
 * console.log(toMilliseconds("1.5m")); // 90000
 * ```
 */
export function toMilliseconds(duration: Duration, name: string = "duration"): number {
  if (typeof duration === "number" && !Number.isNaN(duration)) return duration;
  const match = typeof duration === "string" ? /^(-?\d+)(?:\.(\d+))?(ms|s|m|h)$/.exec(duration) : null;
  if (match === null) {
    const expected = 'milliseconds or a number with a unit, such as "250ms", "8s", "1.5m" or "2h"';
    throw invalidArgument(RangeError, name, expected, duration);
  }
  const [, whole = "", fraction = "", unit] = match;
  // As one integer first: 1.005 is no number that a computer has, and 1.005 * 1000 is not 1005.
  return (Number(whole + fraction) * millisecondsPer[unit as keyof typeof millisecondsPer]) / 10 ** fraction.length;
}

/** For {@link toMillisecondsInRange}: the least that is more than nothing, and the most that is not for ever. @internal */
export const aboveZero: number = Number.MIN_VALUE;
/** @internal */
export const finite: number = Number.MAX_VALUE;

/** A duration of at least `least` and at most `most` milliseconds; `RangeError` for any other. @internal */
export function toMillisecondsInRange(
  duration: Duration,
  name: string,
  least: number,
  most: number = Number.POSITIVE_INFINITY,
): number {
  const ms = toMilliseconds(duration, name);
  if (ms >= least && ms <= most) return ms;
  const expected = least === aboveZero ? "longer than 0" : `at least ${least}${least === 0 ? "" : " ms"}`;
  throw invalidArgument(RangeError, name, most === finite ? `${expected}, and finite` : expected, duration);
}
