import { steps } from "./quota-options.ts";
import type { RateLimitFields } from "./rate-limit-fields.ts";

/** Two answers that differ by less mean the same window: a reset in whole seconds is never exact. Microseconds. */
const sameWindow = 2_000_000;

/** When a call was sent, and how many units had been spent then, its own included. */
export interface Sent {
  readonly at: number;
  readonly mark: number;
}

/**
 * What the service itself said of this window: what is left of it is spent evenly up to its end, but for a burst. All
 * times in microseconds of the monotonic clock.
 *
 * Answers come in any order, so they are ordered by when their calls were sent. One knows of all calls that were sent
 * before its own, and of none that was sent after it.
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
  /** Of the latest call whose answer said this, and of the latest call when it came. */
  #saidTo = 0;
  #saidBefore = 0;

  constructor(burst: number) {
    this.#burst = burst;
  }

  /** `share`, in hundredths of the window, is for whoever asks; the rest is reserved for others. */
  wait(weight: number, share: number, now: number): number {
    if (now >= this.endsAt) return 0;
    const left = this.remaining - ((steps - share) * this.#limit) / steps;
    if (left < weight) return this.endsAt - now;
    const early = (this.#burst - 1) * this.#interval;
    return Math.max(0, Math.ceil(Math.min(this.#next - early, this.endsAt) - now));
  }

  take(weight: number, now: number): void {
    if (now >= this.endsAt) return;
    this.#next = Math.max(this.#next, now) + weight * this.#interval;
    this.remaining = Math.max(0, this.remaining - weight);
  }

  /** Of what was spent before the service said how much is left, it knows nothing: it was never sent. */
  refund(weight: number, mark: number, now: number): void {
    if (now < this.endsAt && mark > this.#saidBefore) this.remaining += weight;
  }

  /** An answer that came `now`, when `spent` units had been spent. `reset` is in milliseconds. */
  observe(fields: RateLimitFields & { readonly reset: number }, sent: Sent, spent: number, now: number): void {
    const { limit, remaining, reset, isDate } = fields;
    const endsAt = now + Math.ceil(reset * 1000);
    // It may have been given as soon as its call was sent, and have taken long to come.
    const earliest = isDate ? endsAt : endsAt - (now - sent.at);
    const isNewer = sent.mark >= this.#saidTo;
    const mayBe = earliest < this.endsAt + sameWindow && this.endsAt - sameWindow < endsAt;
    const mustBe = earliest > this.endsAt - sameWindow && endsAt < this.endsAt + sameWindow;
    const isSame = now < this.endsAt && (isNewer ? mayBe : mustBe);
    // Of another window, it is news only if its call is, and if that window cannot be over.
    if (!isSame && (!isNewer || earliest <= now)) return;
    this.#saidTo = Math.max(this.#saidTo, sent.mark);
    this.#limit = Math.max(limit ?? 0, isSame ? this.#limit : 0, remaining);
    // What was sent since the first answer of a window is taken off already. There the lowest is the latest: to take more
    // off for calls that overtook each other would leave units unused at its end.
    const left = isSame ? remaining : Math.max(0, remaining - (spent - sent.mark));
    if (isSame && left >= this.remaining) return;
    this.remaining = left;
    this.#saidBefore = spent;
    this.#next = isSame ? Math.max(this.#next, now) : now;
    this.endsAt = isSame ? this.endsAt : endsAt;
    this.#interval = (this.endsAt - now) / Math.max(1, left);
  }
}
