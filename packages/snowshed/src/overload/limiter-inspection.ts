/** What a limiter does now, and what it has done from the beginning. */
export interface LimiterInspection {
  /** How many may be in flight now. */
  readonly limit: number;
  readonly inflight: number;
  /** How many wait. */
  readonly queued: number;
  /** How many were ever admitted, and how many of those ended as dropped. */
  readonly accepted: number;
  readonly dropped: number;
  /** How many were refused, by why: there was no room, their priority was cut off, they had to leave the queue. */
  readonly shed: { readonly limit: number; readonly priority: number; readonly wait: number };
}
