import { hooks } from "../hooks.ts";

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

  constructor(resource: object, weight: number, release: () => void) {
    this.weight = weight;
    this.#release = release;
    hooks?.permitCreated(this, resource, weight);
  }

  release(): void {
    const release = this.#release;
    if (release === null) return;
    this.#release = null;
    hooks?.permitReleased(this);
    release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
