/** Units that went at a moment, in microseconds. */
export interface Gone {
  readonly at: number;
  readonly weight: number;
}

/**
 * By how many units the fullest window holds more than it may: of all windows, from one that went to another, units less
 * `burst + t · requests / per`. 0 or less: none does. `per` in microseconds.
 */
export function excess(gone: readonly Gone[], requests: number, per: number, burst: number): number {
  const sorted = gone.toSorted((a, b) => a.at - b.at);
  const start = sorted[0]?.at ?? 0;
  let worst = Number.NEGATIVE_INFINITY;
  let before = 0;
  /** Of all beginnings so far, the least of what went before less what may go until then. */
  let least = Number.POSITIVE_INFINITY;
  for (const { at, weight } of sorted) {
    const allowed = (at - start) * requests;
    least = Math.min(least, before * per - allowed);
    before += weight;
    worst = Math.max(worst, before * per - allowed - least - burst * per);
  }
  return worst / per;
}
