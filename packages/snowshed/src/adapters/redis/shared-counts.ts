interface Slice {
  readonly total: number;
  readonly failures: number;
  /** Milliseconds of the local clock: from then on it is no longer in the window. */
  readonly endsAt: number;
}

/** What a process knows of a window that several share: what Redis answered last, and what is on its way there. @internal */
export class SharedCounts {
  /** Microseconds. */
  readonly sliceLength: number;
  readonly #count: number;
  #slices: readonly Slice[] = [];
  /** Redis has answered once. */
  isKnown = false;
  /** On its way. */
  #total = 0;
  #failures = 0;
  /** What the next answer holds does not count, but for what is on its way. */
  #isReset = false;
  /** Since the latest reset: earlier slices do not count, and so many of this one. */
  #since = { slice: Number.NEGATIVE_INFINITY, total: 0, failures: 0 };

  constructor(sliceLength: number, count: number) {
    this.sliceLength = sliceLength;
    this.#count = count;
  }

  total(at: number): number {
    let total = this.#total;
    for (const slice of this.#slices) if (slice.endsAt > at) total += slice.total;
    return total;
  }

  failures(at: number): number {
    let failures = this.#failures;
    for (const slice of this.#slices) if (slice.endsAt > at) failures += slice.failures;
    return failures;
  }

  /** So many that count are on their way. */
  send(total: number, failures: number): void {
    this.#total = total;
    this.#failures = failures;
  }

  /** What was on its way did not arrive, as far as is known. */
  lose(): void {
    this.#total = this.#failures = 0;
  }

  /** The answer of window.lua, at `at` of the local clock. */
  read(reply: unknown, at: number): void {
    // Text where a client was told to make no numbers.
    const [now = 0, ...rest] = (reply as readonly unknown[]).map(Number);
    const counts = new Map<number, { readonly total: number; readonly failures: number }>();
    for (let index = 0; index < rest.length; index += 3) {
      counts.set(rest[index]!, { total: rest[index + 1]!, failures: rest[index + 2]! });
    }
    if (this.#isReset) {
      const slice = Math.floor(now / this.sliceLength);
      const { total = 0, failures = 0 } = counts.get(slice) ?? {};
      this.#since = { slice, total: total - this.#total, failures: failures - this.#failures };
      this.#isReset = false;
    }
    const since = this.#since;
    this.#slices = [...counts].flatMap(([slice, { total, failures }]) => {
      if (slice < since.slice) return [];
      const endsAt = at + ((slice + this.#count) * this.sliceLength - now) / 1000;
      if (slice > since.slice) return [{ total, failures, endsAt }];
      return [{ total: Math.max(0, total - since.total), failures: Math.max(0, failures - since.failures), endsAt }];
    });
    this.isKnown = true;
    this.#total = this.#failures = 0;
  }

  reset(): void {
    this.#isReset = true;
    this.#slices = [];
    this.#total = this.#failures = 0;
  }
}
