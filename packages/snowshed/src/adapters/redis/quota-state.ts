import type { Rate } from "../../throttle/rate-meter.ts";

/** Units that were taken: what giving them back needs to know. All times in microseconds of the server's clock. @internal */
export interface Grant {
  readonly weight: number;
  /** When they may go. */
  readonly at: number;
  /** What was in the meters right after that. */
  readonly levels: readonly number[];
}

/** What became of one who asked: `grant` from `wait` on, or nothing, and it would have been `wait`. @internal */
export interface Outcome {
  readonly wait: number;
  readonly grant: Grant | null;
}

/** The answer to "take". @internal */
export interface TakeReply {
  /** How long all pause. */
  readonly pausedFor: number;
  /** One for each that was looked at. */
  readonly outcomes: readonly Outcome[];
  /** Units taken besides. */
  readonly block: Grant | null;
  /** By limit: how many units could go now, before all that. */
  readonly available: readonly number[];
}

/** Reads what quota.lua answers to "take", and follows what it did to the meters. @internal */
export function readTake(reply: unknown, rates: readonly Rate[], weights: readonly number[]): TakeReply {
  // Text where a client was told to make no numbers.
  const [now, at, pausedUntil, ...rest] = (reply as readonly unknown[]).map(Number) as [number, number, number];
  const before = (rest as number[]).slice(0, rates.length);
  const [besides = 0, ...waits] = (rest as number[]).slice(rates.length);
  let base = at;
  let levels = before;
  const take = (weight: number, goes: number): Grant => {
    levels = levels.map((level, index) => {
      const { fill, drain } = rates[index]!;
      return Math.max(0, level - (goes - base) * drain) + weight * fill;
    });
    base = goes;
    return { weight, at: goes, levels };
  };
  const outcomes = waits.map((wait, index): Outcome => {
    if (wait > 0) return { wait, grant: null };
    return { wait: Math.abs(wait), grant: take(weights[index]!, now - wait) };
  });
  const available = before.map((level, index) => {
    const { fill, drain, burst } = rates[index]!;
    return Math.max(0, Math.floor(burst - (level + (at - now) * drain) / fill));
  });
  const pausedFor = Math.max(0, pausedUntil - now);
  return { pausedFor, outcomes, block: besides > 0 ? take(besides, now) : null, available };
}
