/** Of those whose lease is over: calls that never end would otherwise fill it, one after each lease. */
const mostOverdue = 1000;

/**
 * The probes of a half-open breaker: how many may be under way at once, which are, and how many have succeeded. Each has
 * a number of its own, and each a lease: one that takes longer gives its place to another, so that calls which never end
 * cannot keep the breaker half-open for ever. What it brings in the end still counts.
 *
 * @internal
 */
export class Probes {
  readonly #lease: number;
  /** How many may be under way: doubled when as many as it allows have succeeded. */
  #most = 1;
  #successes = 0;
  /** When each began, the oldest first. */
  readonly #underWay = new Map<number, number>();
  readonly #overdue = new Set<number>();

  /** `lease` in milliseconds. */
  constructor(lease: number) {
    this.#lease = lease;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Milliseconds until there is a place at the latest: 0 when there is one. */
  untilPlace(at: number): number {
    for (const [probe, began] of this.#underWay) {
      // The clock was set back: the lease begins anew.
      if (at < began) this.#underWay.set(probe, at);
      const left = Math.min(began, at) + this.#lease - at;
      if (left > 0) return this.#underWay.size < this.#most ? 0 : left;
      this.#underWay.delete(probe);
      this.#overdue.add(probe);
      if (this.#overdue.size > mostOverdue) this.#overdue.delete(this.#overdue.values().next().value!);
    }
    return 0;
  }

  begin(probe: number, at: number): void {
    this.#underWay.set(probe, at);
  }

  /** Gives the place of `probe` back. False if it has none and is not overdue either: it is none of these. */
  end(probe: number): boolean {
    return this.#underWay.delete(probe) || this.#overdue.delete(probe);
  }

  /** One has succeeded. Returns how many have. */
  succeed(): number {
    this.#successes++;
    // 1, 2, 4 …: after 1, 3, 7 … successes, since 1 + 2 + 4 + … + n = 2n - 1.
    if (this.#successes + 1 >= 2 * this.#most) this.#most *= 2;
    return this.#successes;
  }
}
