/** Below so many, nothing is usual yet. */
const enough = 20;

/**
 * How long requests usually take: a running median, moved by 2 % for each one. What it holds is one number; a mean would
 * be pulled up by the slow few, and requests that can be answered in time would be refused.
 *
 * @internal
 */
export class UsualLatency {
  #median = 0;
  #count = 0;

  /** Milliseconds; 0 while nothing is known. */
  get value(): number {
    return this.#count < enough ? 0 : this.#median;
  }

  record(latency: number): void {
    // Sets out near where it belongs: the median of the first is among them.
    if (this.#count < enough) this.#median += (latency - this.#median) / ++this.#count;
    else this.#median *= latency > this.#median ? 1.02 : 1 / 1.02;
  }

  /**
   * Whether `timeLeft` is not enough. Each refusal takes 2 % off what is held to be usual: if all are refused nothing is
   * measured, and a service that has become fast again would not be found out.
   */
  isDoomed(timeLeft: number): boolean {
    if (timeLeft >= this.value) return false;
    this.#median /= 1.02;
    return true;
  }
}
