/** Sums of two numbers that are no larger are exact, with room for a heavy weight. */
const exact = 2 ** 51;

/** How fast a limit is used and comes back, in whole numbers. */
export interface Rate {
  /** How much a unit fills. */
  readonly fill: number;
  /** How much a microsecond drains: the parts that a microsecond is counted in. */
  readonly drain: number;
  /** How many units fill it to the brim. */
  readonly burst: number;
}

/**
 * `per`, in whole microseconds, and `requests` without what they have in common: exact. Where that makes numbers that a
 * computer cannot hold, or more than `finest` parts of a microsecond, it is parts as small as can be, and a unit takes up
 * to one of them longer: never shorter.
 *
 * @internal
 */
export function rateOf(requests: number, per: number, burst: number, finest: number = exact): Rate {
  const most = Math.max(requests, burst);
  const common = greatestCommonDivisor(requests, per);
  let fill = per / common;
  let drain = requests / common;
  if (drain > finest || fill * most > exact) {
    drain = Math.min(finest, Math.max(1, Math.floor((exact * requests) / (per * most))));
    fill = Math.ceil((per * drain) / requests);
  }
  // Of what takes more than a year to come back nobody sees the brim.
  return { fill, drain, burst: Math.min(burst, Math.max(1, Math.floor(exact / fill))) };
}

/**
 * How much of a rate has been used: GCRA (ITU-T I.371) in its form as a leaky bucket that is a meter. Each unit fills it,
 * time drains it, and what would make it overflow has to wait.
 *
 * All of it is whole numbers: nothing is rounded, so nothing drifts. In any `t` microseconds, at most
 * `burst + t · requests / per` units pass.
 *
 * @internal
 */
export class RateMeter {
  readonly #fill: number;
  readonly #drain: number;
  readonly #burst: number;
  #level = 0;
  #at = 0;

  /** `per` in whole microseconds. */
  constructor(requests: number, per: number, burst: number) {
    ({ fill: this.#fill, drain: this.#drain, burst: this.#burst } = rateOf(requests, per, burst));
  }

  /** In how many microseconds `weight` units may pass; 0 is now. What is heavier than the burst waits until all is drained. */
  wait(weight: number, now: number): number {
    this.#advance(now);
    const excess = this.#level - (this.#burst - Math.min(weight, this.#burst)) * this.#fill;
    return excess > 0 ? Math.ceil(excess / this.#drain) : 0;
  }

  take(weight: number): void {
    this.#level += weight * this.#fill;
  }

  /**
   * Takes back what passed `elapsed` microseconds ago, but for what has drained since: with the rest of it, others may
   * have passed already.
   */
  refund(weight: number, elapsed: number): void {
    const left = weight * this.#fill - elapsed * this.#drain;
    if (left > 0) this.#level = Math.max(0, this.#level - left);
  }

  /** How many units could pass now, one by one. */
  available(now: number): number {
    this.#advance(now);
    return Math.max(0, Math.floor(this.#burst - this.#level / this.#fill));
  }

  #advance(now: number): void {
    const elapsed = now - this.#at;
    this.#at = now;
    if (elapsed <= 0 || this.#level === 0) return;
    const drained = elapsed * this.#drain;
    this.#level = drained < this.#level ? this.#level - drained : 0;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
