import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../duration.ts";
import { checkInteger, invalidArgument, SnowshedError } from "../errors.ts";
import type { Priority, PriorityBand } from "../overload/priority.ts";
import { bandOf, bands } from "../overload/priority.ts";
import { RateMeter } from "./rate-meter.ts";

export interface QuotaLimit {
  /** How many units, on average: an integer of at least 1. */
  readonly requests: number;
  /** In how long: at least 1 µs, at most 1000 days. A part of a microsecond counts as a whole one. */
  readonly per: Duration;
  /** How many may go at once after a pause: an integer of at least 1. Default: 1, they are spaced evenly. */
  readonly burst?: number | undefined;
}

export interface QuotaOptions {
  /** One or several; a request needs all of them. */
  readonly limits: readonly QuotaLimit[];
  /** How many may wait: an integer of at least 0; `Infinity`: any number. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /**
   * Shares that are kept for a band and those above it, each in [0, 1), together below 1, in steps of 0.01:
   * `{ critical: 0.2 }` leaves four fifths of each limit to all others. Default: none.
   */
  readonly reserve?: { readonly [Band in PriorityBand]?: number | undefined } | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
}

export interface QuotaAcquireOptions {
  /** Ends the wait when it aborts. One that is aborted already refuses, also when there is room. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up after so long; at once when it is known that it takes longer. Default: none. */
  readonly timeout?: Duration | undefined;
  /** Default: `"normal"`. The more important go first. */
  readonly priority?: Priority | undefined;
}

/** Units that were spent. There is nothing to give back: `[Symbol.dispose]()` does nothing. */
export interface QuotaPermit extends Disposable {
  readonly weight: number;
  /**
   * Takes back what was not sent. Only the first call counts. What came back by itself in the meantime is not given
   * twice: refund at once.
   */
  refund(): void;
}

export interface QuotaInspection {
  readonly limits: readonly { readonly requests: number; readonly per: number; readonly available: number }[];
  /** How many wait. */
  readonly queued: number;
  /** Milliseconds until a pause ends that the service asked for; 0: none. */
  readonly pausedFor: number;
  /** What the service said last of its own window, less what was sent since; `undefined` when it is over. */
  readonly server: { readonly remaining: number; readonly endsIn: number } | undefined;
  /** How many were refused with `SNOWSHED_LIMIT_EXCEEDED`, from the beginning. */
  readonly refused: number;
}

/** Shares are in hundredths. @internal */
export const steps = 100;

/** Of a limit, in microseconds: times a hundred, it is still a whole number that a computer has. */
const longestPer = 1000 * 24 * 60 * 60 * 1_000_000;

/** A limit once it is checked. @internal */
export interface CheckedLimit {
  readonly requests: number;
  /** Whole microseconds. */
  readonly per: number;
  readonly burst: number;
}

/** With what counts it. @internal */
export interface Limit extends CheckedLimit {
  /** Of what all have used, then of what all have used but those with a share of their own. */
  readonly meters: readonly RateMeter[];
}

/** @internal */
export function checkLimits(limits: readonly QuotaLimit[]): readonly CheckedLimit[] {
  if (Array.isArray(limits) && limits.length > 0) return limits.map(checkLimit);
  throw invalidArgument(TypeError, "limits", "an array of at least one limit", limits);
}

function checkLimit(limit: QuotaLimit, index: number): CheckedLimit {
  const name = `limits[${index}]`;
  if (typeof limit !== "object" || limit === null) throw invalidArgument(TypeError, name, "{ requests, per }", limit);
  const { requests, burst = 1 } = limit;
  checkInteger(requests, `${name}.requests`, 1);
  checkInteger(burst, `${name}.burst`, 1);
  const exact = 1000 * toMillisecondsInRange(limit.per, `${name}.per`, aboveZero, finite);
  if (exact < 1) throw invalidArgument(RangeError, `${name}.per`, "at least a microsecond", limit.per);
  if (exact > longestPer) throw invalidArgument(RangeError, `${name}.per`, "at most 1000 days", limit.per);
  // Rounded up, or more would pass; but not for what the product of two doubles is off.
  return { requests, per: Math.ceil(exact * (1 - 2 ** -50)), burst };
}

/** @internal */
export function meteredLimit({ requests, per, burst }: CheckedLimit, shares: readonly number[]): Limit {
  const meters = shares.map((share) => {
    const [part, whole] = share === steps ? [1, 1] : [share, steps];
    const burstOfShare = Math.max(1, Math.floor((burst * part) / whole));
    return new RateMeter(Math.min(requests * part, Number.MAX_SAFE_INTEGER), per * whole, burstOfShare);
  });
  return { requests, per, burst, meters };
}

/** By band, in hundredths: 100 less what is reserved for those above it. @internal */
export function sharesOf(reserve: NonNullable<QuotaOptions["reserve"]>): readonly number[] {
  if (typeof reserve !== "object" || reserve === null) {
    throw invalidArgument(TypeError, "reserve", "an object such as { critical: 0.2 }", reserve);
  }
  for (const band of Object.keys(reserve)) bandOf(band as PriorityBand);
  let share = steps;
  return bands.map((band) => {
    const own = share;
    const reserved = reserve[band] ?? 0;
    const hundredths = Math.round(reserved * steps);
    const isWhole = Math.abs(reserved * steps - hundredths) < 1e-9;
    if (typeof reserved !== "number" || !(reserved >= 0 && reserved < 1) || !isWhole) {
      throw invalidArgument(RangeError, `reserve.${band}`, "a number in [0, 1), in steps of 0.01", reserved);
    }
    share -= hundredths;
    if (share < 1) throw invalidArgument(RangeError, "reserve", "shares that leave 0.01", reserve);
    return own;
  });
}

/** Checks that `weight` units pass all of `limits` at some time. @internal */
export function checkWeight(weight: number, limits: readonly CheckedLimit[], name: string | undefined): void {
  checkInteger(weight, "weight", 1);
  for (const { requests, per } of limits) {
    if (weight <= requests) continue;
    const label = name === undefined ? "" : ` of "${name}"`;
    const message = `weight ${weight} exceeds ${requests} per ${per / 1000} ms${label}`;
    throw new SnowshedError("SNOWSHED_NEVER_FITS", message);
  }
}
