import type { Grant } from "./quota-state.ts";

/**
 * Units that were taken at once, to be spent one after another. One may be spent until it begins to drain on the server:
 * had it been taken only then, no meter would ever have been fuller than it was. Later, somebody else may have gone in its
 * place.
 *
 * @internal
 */
export class QuotaBlock {
  readonly #grant: Grant;
  /** When the server was asked, so before it took them. Milliseconds of the local clock. */
  readonly #askedAt: number;
  left: number;

  constructor(grant: Grant, askedAt: number) {
    this.#grant = grant;
    this.#askedAt = askedAt;
    this.left = grant.weight;
  }

  /** Until when the next unit may be spent; what is behind it for longer. Milliseconds of the local clock. */
  get validUntil(): number {
    return this.#askedAt + this.#grant.drainsIn(this.left) / 1000;
  }

  /** Spends `weight` units if there are as many and they may go. */
  take(weight: number, now: number): Grant | null {
    if (weight > this.left || now >= this.validUntil) return null;
    this.left -= weight;
    return this.#grant.part(weight, this.left);
  }

  /** All that is left. */
  rest(): Grant | null {
    const weight = this.left;
    this.left = 0;
    return weight === 0 ? null : this.#grant.part(weight, 0);
  }
}
