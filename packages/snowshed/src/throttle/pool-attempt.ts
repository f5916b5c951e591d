import type { Clock } from "../clock.ts";
import { DeadlineExceededError } from "../errors.ts";

/** What an {@link Attempt} ends as: one of the first two, once. */
export interface AttemptEnds<R> {
  done(value: R): void;
  failed(error: unknown): void;
  /** It was not waited for any longer, and succeeded after all. */
  late?(value: R): void;
}

/**
 * A call of code of a user that is waited for at most `bound` milliseconds. A call that answers at once has ended when
 * `run()` returns.
 *
 * @internal
 */
export class Attempt<R> {
  readonly #ends: AttemptEnds<R>;
  #isOver = false;
  #cancelTimer: (() => void) | null = null;

  constructor(ends: AttemptEnds<R>) {
    this.#ends = ends;
  }

  run(call: () => R | PromiseLike<R>, what: string, bound: number, clock: Clock): void {
    let answer: R | PromiseLike<R>;
    let pending: Promise<R> | null;
    try {
      answer = call();
      // Looked at in here: what a getter of the user throws is a failure like any other.
      pending = isThenable(answer) ? Promise.resolve(answer) : null;
    } catch (error) {
      return this.fail(error);
    }
    if (pending === null) return this.#succeed(answer as R);
    // Over already, when the call itself closed the pool.
    if (bound !== Number.POSITIVE_INFINITY && !this.#isOver) {
      const timedOut = (): unknown => new DeadlineExceededError(`${what} took longer than ${bound} ms`);
      // It keeps the process running: close() may wait for it, and so may a caller without a timeout.
      this.#cancelTimer = clock.setTimeout(() => this.fail(timedOut()), bound);
    }
    pending.then(
      (value) => this.#succeed(value),
      (error: unknown) => this.fail(error),
    );
  }

  /** It has failed, or is to be waited for no longer. */
  fail(error: unknown): void {
    if (this.#end()) this.#ends.failed(error);
  }

  #succeed(value: R): void {
    if (this.#end()) this.#ends.done(value);
    else this.#ends.late?.(value);
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#cancelTimer?.();
    return true;
  }
}

function isThenable<R>(answer: R | PromiseLike<R>): answer is PromiseLike<R> {
  return typeof (answer as PromiseLike<R> | null | undefined)?.then === "function";
}
