/** How work ended, as far as its limiter is concerned. */
export type LimitOutcome = "success" | "dropped" | "ignore";

/** A place in a {@link Limiter}. The first call counts, the others do nothing; each gives the place back. */
export interface LimitPermit extends Disposable {
  /** The work was done; how long it took is a sample. */
  success(): void;
  /** The work ended because something was overloaded: a timeout, a 503. The limit may fall. */
  dropped(): void;
  /** The work says nothing of the load: canceled, refused for what it asked, failed by a bug. */
  ignore(): void;
  /** The same as `ignore()`: a place is never lost. */
  [Symbol.dispose](): void;
}

/** What a permit gives its place back to. */
interface PlaceOwner {
  leaveNow(admittedAt: number, outcome: LimitOutcome): void;
}

/** @internal */
export class HeldLimitPermit implements LimitPermit {
  #owner: PlaceOwner | null;
  readonly #admittedAt: number;

  constructor(owner: PlaceOwner, admittedAt: number) {
    this.#owner = owner;
    this.#admittedAt = admittedAt;
  }

  success(): void {
    this.#end("success");
  }

  dropped(): void {
    this.#end("dropped");
  }

  ignore(): void {
    this.#end("ignore");
  }

  [Symbol.dispose](): void {
    this.#end("ignore");
  }

  #end(outcome: LimitOutcome): void {
    const owner = this.#owner;
    this.#owner = null;
    owner?.leaveNow(this.#admittedAt, outcome);
  }
}
