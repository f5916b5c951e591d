const none = -1;
/** How many slots a turn has: one is so late at most, of the longest time. */
const slots = 1024;

/**
 * Tells of many numbered things whose time has come, without a timer and without looking at the others: a hashed timing
 * wheel (Varghese and Lauck, 1987). It costs 4 bytes for each, and adding or polling one is a few steps.
 *
 * Times are in microseconds, at most `longest` from now when they are added; a thing stands in it once. It is told up to
 * a thousandth of `longest` late, and early if it was to come later than that.
 *
 * @internal
 */
export class ExpiryWheel {
  readonly #width: number;
  readonly #firsts: Int32Array = new Int32Array(slots).fill(none);
  #after: Int32Array = new Int32Array(0);
  /** The things of the slot that is being emptied. */
  #due = none;
  /** Which slot is emptied next, counted from time 0. */
  #turned = 0;

  constructor(longest: number) {
    this.#width = Math.ceil(longest / (slots - 2));
  }

  /** Makes room for things numbered below `size`. */
  grow(size: number): void {
    const after = new Int32Array(size);
    after.set(this.#after);
    this.#after = after;
  }

  add(thing: number, time: number): void {
    const slot = Math.floor(time / this.#width) % slots;
    this.#after[thing] = this.#firsts[slot]!;
    this.#firsts[slot] = thing;
  }

  /** One whose time has come, which is taken out; -1 if there is none. */
  poll(now: number): number {
    const present = Math.floor(now / this.#width);
    // A whole turn meets all of them.
    if (present - this.#turned > slots) this.#turned = present - slots;
    for (; this.#due === none && this.#turned < present; this.#turned++) {
      const slot = this.#turned % slots;
      this.#due = this.#firsts[slot]!;
      this.#firsts[slot] = none;
    }
    const thing = this.#due;
    if (thing !== none) this.#due = this.#after[thing]!;
    return thing;
  }

  /** When poll() may tell of one next. */
  next(now: number): number {
    if (this.#due !== none) return now;
    for (let turn = 0; turn < slots; turn++) {
      const slot = this.#turned + turn;
      if (this.#firsts[slot % slots] !== none) return Math.max(now, (slot + 1) * this.#width);
    }
    return Number.POSITIVE_INFINITY;
  }
}
