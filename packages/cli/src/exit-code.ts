/** What the process ends with. Documented with each command; a number never changes its meaning. */
export const exitCode = {
  /** Every request is answered, by its server or from the cache. */
  ok: 0,
  /**
   * Some requests failed or were skipped, an input line was invalid, or the run could not be finished. Of a process that
   * is looked into: a deadlock or a leaked task is there.
   */
  failed: 1,
  /** Nothing was done: the options or the files given cannot be used. */
  usage: 2,
  /** The process that is looked into does not answer. */
  noAnswer: 3,
  /** The gate could not judge: something it needs is missing, or what it measured says nothing. */
  inconclusive: 3,
  /** The reader of the output went away (128 + SIGPIPE), as with `| head -1`. */
  outputClosed: 141,
} as const;

/** 128 + the signal's number, as shells report it. */
export function exitCodeOfSignal(signal: unknown): number {
  return signal === "SIGTERM" ? 143 : 130;
}
