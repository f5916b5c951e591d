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
  const match = typeof duration === "string" ? /^(-?\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration) : null;
  if (match === null) {
    const expected = 'milliseconds or a number with a unit, such as "250ms", "8s", "1.5m" or "2h"';
    throw invalidArgument(RangeError, name, expected, duration);
  }
  return Number(match[1]) * millisecondsPer[match[2] as keyof typeof millisecondsPer];
}
