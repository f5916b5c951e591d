/** An offset that was taken; what `done()` wants back. */
export interface TakenOffset {
  readonly offset: bigint;
  isDone: boolean;
}

/**
 * How far a partition is done: work ends in any order, but what is committed must have nothing unfinished before it. Offsets are
 * not without gaps: compaction and transactions leave some.
 *
 * @internal
 */
export class ContiguousOffsets {
  /** Ascending; those before `#head` are done. */
  #taken: TakenOffset[] = [];
  #head = 0;
  #last: bigint | undefined;

  /** How many are taken and count against the position: not done, or behind one that is not. */
  get pending(): number {
    return this.#taken.length - this.#head;
  }

  /** What to commit: where to go on after all that is done without a gap. `undefined` when nothing was ever taken. */
  get position(): bigint | undefined {
    const first = this.#taken[this.#head];
    if (first !== undefined) return first.offset;
    return this.#last === undefined ? undefined : this.#last + 1n;
  }

  /** `undefined` for one that was taken before, or lies before one that was: it is delivered once more. */
  take(offset: bigint): TakenOffset | undefined {
    if (this.#last !== undefined && offset <= this.#last) return undefined;
    const taken = { offset, isDone: false };
    this.#last = offset;
    this.#taken.push(taken);
    return taken;
  }

  /** There is nothing before `offset` that is still to be taken: the position may go there once all is done. */
  passTo(offset: bigint): void {
    if (this.#last === undefined || offset - 1n > this.#last) this.#last = offset - 1n;
  }

  done(taken: TakenOffset): void {
    taken.isDone = true;
    while (this.#taken[this.#head]?.isDone === true) this.#head++;
    // Now and then, so that each costs the same: a shift of a long array moves all of it.
    if (this.#head > 1024 && this.#head * 2 > this.#taken.length) {
      this.#taken = this.#taken.slice(this.#head);
      this.#head = 0;
    }
  }
}
