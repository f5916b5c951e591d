import type { Rate } from "../../throttle/rate-meter.ts";

/** Units that were taken: what giving them back needs to know. All times in microseconds of the server's clock. @internal */
export class Grant {
  readonly weight: number;
  /** When they may go. */
  readonly at: number;
  /** How long after the question that is; 0: at once. */
  readonly wait: number;
  readonly #meters: Meters;
  readonly #units: number;

  constructor(weight: number, at: number, wait: number, meters: Meters, units: number) {
    this.weight = weight;
    this.at = at;
    this.wait = wait;
    this.#meters = meters;
    this.#units = units;
  }

  /** What had been given back before it, as a number of the server's. */
  get refunds(): number {
    return this.#meters.refunds;
  }

  /** What was in the meters right after that. */
  get levels(): number[] {
    return levelsAfter(this.#meters, this.#units);
  }

  /** The first `weight` of units that were taken at once, when `left` of them are left after these. */
  part(weight: number, left: number): Grant {
    return new Grant(weight, this.at, this.wait, this.#meters, this.#units - left);
  }

  /** For how many microseconds after `at` something is in each meter of all but the last `left` units. */
  drainsIn(left: number): number {
    const { levels, rates } = this.#meters;
    let shortest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < levels.length; index++) {
      const { fill, drain } = rates[index]!;
      shortest = Math.min(shortest, (levels[index]! + (this.#units - left) * fill) / drain);
    }
    return shortest;
  }
}

/** What was in the meters at the moment of a grant, before whoever goes with it. Shared by them, so it is never changed. */
interface Meters {
  readonly levels: readonly number[];
  readonly rates: readonly Rate[];
  readonly refunds: number;
}

function levelsAfter({ levels, rates }: Meters, units: number): number[] {
  return levels.map((level, index) => level + units * rates[index]!.fill);
}

/** Those who ask one after another for as much, and wait as long. @internal */
export interface Alike {
  count: number;
  readonly weight: number;
  /** Microseconds; -1: any. */
  readonly longest: number;
}

/** The answer to "take". @internal */
export interface TakeReply {
  /** How long all pause. */
  readonly pausedFor: number;
  /** For each that was looked at: its units, or how long it would have to wait. */
  readonly outcomes: readonly (Grant | number)[];
  /** Units taken besides. */
  readonly block: Grant | null;
}

interface Answer {
  readonly now: number;
  /** The moment the levels are of. */
  readonly at: number;
  readonly pausedUntil: number;
  readonly refunds: number;
  readonly levels: number[];
  readonly rest: number[];
}

function answerOf(reply: unknown, limits: number): Answer {
  // Text where a client was told to make no numbers.
  const numbers = (reply as readonly unknown[]).map(Number);
  const [now, at, pausedUntil, refunds] = numbers as [number, number, number, number];
  return { now, at, pausedUntil, refunds, levels: numbers.slice(4, 4 + limits), rest: numbers.slice(4 + limits) };
}

/** Reads what quota.lua answers to "take", and follows what it did to the meters. @internal */
export function readTake(reply: unknown, rates: readonly Rate[], asked: readonly Alike[]): TakeReply {
  const { now, at, pausedUntil, refunds, levels, rest } = answerOf(reply, rates.length);
  let meters: Meters = { levels, rates, refunds };
  let units = 0;
  const outcomes: (Grant | number)[] = [];
  for (let index = 1; index < rest.length; index += 2) {
    const { count, weight } = asked[(index - 1) / 2]!;
    const [go, wait] = [rest[index]!, rest[index + 1]!];
    for (let gone = 0; gone < go; gone++) {
      units += weight;
      outcomes.push(new Grant(weight, at, 0, meters, units));
    }
    if (wait < 0) {
      const drained = levelsAfter(meters, units).map((level, each) =>
        Math.max(0, level - (now - wait - at) * rates[each]!.drain),
      );
      meters = { levels: drained, rates, refunds };
      units = weight;
      outcomes.push(new Grant(weight, now - wait, -wait, meters, units));
    } else {
      for (let refused = go; refused < count; refused++) outcomes.push(wait);
    }
  }
  const besides = rest[0] ?? 0;
  const block = besides > 0 ? new Grant(besides, now, 0, meters, units + besides) : null;
  return { pausedFor: Math.max(0, pausedUntil - now), outcomes, block };
}

/** By limit, how many units can go now, and for how long all pause. @internal */
export function readState(reply: unknown, rates: readonly Rate[]): { available: number[]; pausedFor: number } {
  const { now, at, pausedUntil, levels } = answerOf(reply, rates.length);
  const available = levels.map((level, index) => {
    const { fill, drain, burst } = rates[index]!;
    return Math.max(0, Math.floor(burst - (level + (at - now) * drain) / fill));
  });
  return { available, pausedFor: Math.max(0, pausedUntil - now) };
}
