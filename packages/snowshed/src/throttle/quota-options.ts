import type { Clock } from "../clock.ts";
import type { Context } from "../concurrency/context.ts";
import type { Duration } from "../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../duration.ts";
import { checkInteger, invalidArgument } from "../errors.ts";
import type { Priority, PriorityBand } from "../overload/priority.ts";
import { bandOf, bands } from "../overload/priority.ts";
import { RateMeter } from "./rate-meter.ts";

export interface QuotaLimit {
  /** How many units, on average: an integer of at least 1. */
  readonly requests: number;
  /** In how long: at least 1 µs. */
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
  /** Takes back what was not sent. Only the first call counts. */
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
}

/** A share in steps of one part in so many. */
const steps = 100;
/** By band, when nothing is reserved: all of it, counted once. @internal */
export const noReserve: readonly number[] = bands.map(() => 1);

/** A limit once it is checked. @internal */
export interface Limit {
  readonly requests: number;
  /** Microseconds. */
  readonly per: number;
  readonly burst: number;
  /** Of what all have used, then of what all have used but those with a share of their own. */
  readonly meters: readonly RateMeter[];
}

/** @internal */
export function limitOf(limit: QuotaLimit, index: number, shares: readonly number[]): Limit {
  const name = `limits[${index}]`;
  if (typeof limit !== "object" || limit === null) throw invalidArgument(TypeError, name, "{ requests, per }", limit);
  const { requests, burst = 1 } = limit;
  checkInteger(requests, `${name}.requests`, 1);
  checkInteger(burst, `${name}.burst`, 1);
  const per = Math.round(1000 * toMillisecondsInRange(limit.per, `${name}.per`, aboveZero, finite));
  if (per < 1) throw invalidArgument(RangeError, `${name}.per`, "at least a microsecond", limit.per);
  const meters = shares.map((share) => {
    const part = Math.round(share * steps);
    return new RateMeter(requests * part, per * steps, Math.max(1, Math.floor((burst * part) / steps)));
  });
  return { requests, per, burst, meters };
}

/** By band: 1 less what is reserved for those above it. @internal */
export function sharesOf(reserve: NonNullable<QuotaOptions["reserve"]>): readonly number[] {
  for (const band of Object.keys(reserve)) bandOf(band as PriorityBand);
  let share = 1;
  return bands.map((band) => {
    const own = share;
    const reserved = reserve[band] ?? 0;
    if (typeof reserved !== "number" || !(reserved >= 0 && reserved < 1)) {
      throw invalidArgument(RangeError, `reserve.${band}`, "a number in [0, 1)", reserved);
    }
    share -= reserved;
    if (Math.round(share * steps) < 1) throw invalidArgument(RangeError, "reserve", "shares that leave 0.01", reserve);
    return own;
  });
}
