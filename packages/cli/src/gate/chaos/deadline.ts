/**
 * A signal that aborts with another one, after a time, or by `end`. Not AbortSignal.any() of AbortSignal.timeout(): on Node
 * 20 the second can be collected as garbage before its time, and then nothing ends the wait.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #stop = (): void => this.end();

  constructor(parent: AbortSignal, ms: number) {
    this.#parent = parent;
    if (parent.aborted) {
      this.#controller.abort();
      return;
    }
    parent.addEventListener("abort", this.#stop, { once: true });
    this.#timer = setTimeout(this.#stop, Math.min(Math.max(1, Math.ceil(ms)), 2 ** 31 - 1));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Called also when the time is not over: it holds the process until then. */
  end(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener("abort", this.#stop);
    this.#controller.abort();
  }
}
