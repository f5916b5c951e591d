/**
 * What came of the latest calls: how many there were, and how many of them failed. `at` is a reading of the clock's
 * `now()`, in milliseconds; it is handed in so that all who look at one call share one reading.
 */
export interface OutcomeWindow {
  /** A call ended. */
  record(failed: boolean, at: number): void;
  /** How many calls the window holds. */
  total(at: number): number;
  /** How many of them failed. */
  failures(at: number): number;
  /** Forgets them all. */
  reset(): void;
}
