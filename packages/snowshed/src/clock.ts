/**
 * Time and chance, injectable wherever they are used. Tests use `FakeClock` of `snowshed/testing`.
 */
export interface Clock {
  /** Milliseconds of a monotonic clock: for measuring, never for dates. */
  now(): number;
  /** Milliseconds since the epoch. */
  date(): number;
  /** A number in [0, 1). */
  random(): number;
  /**
   * Calls back once, `ms` milliseconds from now or as soon after as possible, never earlier by `now()`. Any length
   * works, also more than the 2^31−1 ms at which the platform's timers fire at once; `Infinity` never calls.
   *
   * Returns the function that cancels it. While `keepAlive` is true (the default) a pending timer keeps the process
   * running.
   */
  setTimeout(callback: () => void, ms: number, keepAlive?: boolean): () => void;
}

/** The longest delay the platform's timers take: beyond it they fire after 1 ms. */
const longestDelay = 2 ** 31 - 1;

/** The clock of this machine: what is used unless another is given. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  setTimeout(callback, ms, keepAlive = true) {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    const due = performance.now() + ms;
    let timer: ReturnType<typeof setTimeout>;
    const arm = (delay: number): void => {
      timer = setTimeout(fire, Math.min(Math.max(delay, 0), longestDelay));
      // A number in browsers, where there is no process to keep alive.
      if (!keepAlive) (timer as { unref?: () => void }).unref?.();
    };
    const fire = (): void => {
      // The platform may fire up to a millisecond early by the monotonic clock, and long delays come in pieces.
      const left = due - performance.now();
      if (left > 0) arm(Math.ceil(left));
      else callback();
    };
    arm(ms);
    return () => clearTimeout(timer);
  },
};
