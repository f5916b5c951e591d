/** Permits that are held, to be given back once. */
export interface Permit extends Disposable {
  readonly weight: number;
  /** Gives the permits back; only the first call counts. */
  release(): void;
}

/** @internal */
export class HeldPermit implements Permit {
  readonly weight: number;
  #release: (() => void) | null;

  constructor(weight: number, release: () => void) {
    this.weight = weight;
    this.#release = release;
  }

  release(): void {
    const release = this.#release;
    this.#release = null;
    release?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
