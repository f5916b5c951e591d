/**
 * How much of a rate has been used: GCRA (ITU-T I.371) in its form as a leaky bucket that is a meter. Each unit fills it,
 * time drains it, and what would make it overflow has to wait.
 *
 * All of it is whole numbers: a unit fills `per` and a microsecond drains `requests`, both divided by what they have in
 * common. Nothing is rounded, so nothing drifts: in any `t` microseconds, at most `burst + t · requests / per` units pass.
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
    const common = greatestCommonDivisor(requests, per);
    this.#fill = per / common;
    this.#drain = requests / common;
    this.#burst = burst;
    if (Number.isSafeInteger(4 * this.#fill * Math.max(requests, burst))) return;
    // Not exact then: a unit takes up to a microsecond longer, of the hours or days that make such numbers.
    this.#fill = Math.ceil(per / requests);
    this.#drain = 1;
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

  refund(weight: number): void {
    this.#level = Math.max(0, this.#level - weight * this.#fill);
  }

  /** How many units could pass now, one by one. */
  available(now: number): number {
    this.#advance(now);
    return Math.max(0, Math.floor(this.#burst - this.#level / this.#fill));
  }

  #advance(now: number): void {
    const elapsed = now - this.#at;
    this.#at = now;
    // A clock that went back has drained nothing.
    if (elapsed <= 0 || this.#level === 0) return;
    const drained = elapsed * this.#drain;
    this.#level = drained < this.#level ? this.#level - drained : 0;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
