import type { RateLimitFields } from "./rate-limit-fields.ts";

/** Two answers that differ by less mean the same window: a reset in whole seconds is never exact. Microseconds. */
const sameWindow = 2_000_000;

/**
 * What the service itself said of this window: what is left of it is spent evenly up to its end, but for a burst. All
 * times in microseconds of the monotonic clock.
 *
 * @internal
 */
export class ServerWindow {
  remaining = Number.POSITIVE_INFINITY;
  /** It says nothing of the time after. */
  endsAt = Number.NEGATIVE_INFINITY;
  readonly #burst: number;
  #limit = 0;
  /** What one unit takes when all that is left is evenly spent, and when the next would pass then. */
  #interval = 0;
  #next = Number.NEGATIVE_INFINITY;

  constructor(burst: number) {
    this.#burst = burst;
  }

  /** `share` of the window is for whoever asks; the rest is reserved for others. */
  wait(weight: number, share: number, now: number): number {
    if (now >= this.endsAt) return 0;
    const left = this.remaining - (1 - share) * this.#limit;
    if (left < weight) return this.endsAt - now;
    const early = (this.#burst - 1) * this.#interval;
    return Math.max(0, Math.ceil(Math.min(this.#next - early, this.endsAt) - now));
  }

  take(weight: number, now: number): void {
    if (now >= this.endsAt) return;
    this.#next = Math.max(this.#next, now) + weight * this.#interval;
    this.remaining = Math.max(0, this.remaining - weight);
  }

  refund(weight: number, now: number): void {
    if (now < this.endsAt) this.remaining += weight;
  }

  /** `underWay` units were sent, and the answer does not know of them. Without a reset, `endsAt` is when the window ends. */
  observe({ limit, remaining }: RateLimitFields, endsAt: number, underWay: number, now: number): void {
    const left = Math.max(0, remaining - underWay);
    const isSame = now < this.endsAt && Math.abs(endsAt - this.endsAt) < sameWindow;
    this.#limit = Math.max(limit ?? 0, isSame ? this.#limit : 0, remaining);
    // Answers overtake each other: in one window, the lowest is the latest, and what we know already changes nothing.
    if (isSame && left >= this.remaining) return;
    this.remaining = left;
    this.#next = isSame ? Math.max(this.#next, now) : now;
    this.endsAt = isSame ? this.endsAt : endsAt;
    this.#interval = (this.endsAt - now) / Math.max(1, left);
  }
}
